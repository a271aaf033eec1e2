//! The registry: every vendor that is served.

mod anthropic;
mod deepseek;
mod google;
mod openai;
mod xai;

use crate::adapter::Adapter;

/// One line a vendor.
pub static ADAPTERS: &[&dyn Adapter] =
    &[&openai::OpenAi, &anthropic::Anthropic, &google::Google, &deepseek::DeepSeek, &xai::Xai];

/// The names of all vendors.
pub fn vendors() -> impl Iterator<Item = &'static str> {
    ADAPTERS.iter().map(|adapter| adapter.vendor())
}

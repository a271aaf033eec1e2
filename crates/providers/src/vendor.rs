//! The registry: every vendor that is served.

// The example of docs/adding-a-vendor.md, which nobody sells.
#[cfg(test)]
mod acme;
mod anthropic;
mod deepseek;
mod elevenlabs;
mod google;
mod luma;
mod midjourney;
mod minimax;
mod openai;
mod replicate;
mod xai;

use crate::adapter::{Adapter, Callbacks};

/// One line a vendor.
pub static ADAPTERS: &[&dyn Adapter] = &[
    &openai::OpenAi,
    &anthropic::Anthropic,
    &google::Google,
    &deepseek::DeepSeek,
    &xai::Xai,
    &luma::Luma,
    &replicate::Replicate,
    &midjourney::Midjourney,
    &elevenlabs::ElevenLabs,
    &minimax::MiniMax,
];

/// The names of all vendors.
pub fn vendors() -> impl Iterator<Item = &'static str> {
    ADAPTERS.iter().map(|adapter| adapter.vendor())
}

/// How the vendor of that name tells how its jobs stand.
pub fn callbacks(vendor: &str) -> Callbacks {
    let adapter = ADAPTERS.iter().find(|adapter| adapter.vendor() == vendor);
    let media = adapter.and_then(|adapter| adapter.media());
    media.map_or(Callbacks::None, |media| media.callbacks())
}

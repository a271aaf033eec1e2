//! `/user/…`: what an account knows of itself.

pub(crate) mod balance;
pub(crate) mod history;
pub(crate) mod me;
pub(crate) mod stats;

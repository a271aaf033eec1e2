//! The catalog's models, and their prices.

pub(crate) mod calculate_price;
pub(crate) mod list;
pub(crate) mod show;

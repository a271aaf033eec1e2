//! `/billing/…`. Keys work here on every plan: somebody whose plan has ended must be able to pay for the next.

pub(crate) mod ledger;
pub(crate) mod notifications;
mod order;
pub(crate) mod packages;
pub(crate) mod payments;
pub(crate) mod subscription;

//! Webhooks: who wants to hear what, what there is to tell, and what is on its way to whom.
//!
//! An event is written with what it tells. From there a worker makes one delivery for each address, and each delivery is
//! claimed for every attempt; what came of that is written only while the claim is still its own.

mod attempts;
mod due;
mod endpoints;
mod fan_out;

pub use attempts::{AttemptOutcome, DeliveryRecord, DeliveryStatus};
pub use due::{ClaimedDelivery, DueDelivery, Lane};
pub use endpoints::{EndpointRecord, NewEndpoint};
pub use fan_out::{EventRecord, NewDelivery, NewsRecord};

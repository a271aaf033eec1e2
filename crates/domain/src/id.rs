//! Identifiers. One sequence serves a whole installation, so no two things ever share a number.

use std::fmt;

/// The largest id that a JSON client keeps exactly: 2^53 - 1.
pub const MAX_ID: i64 = 9_007_199_254_740_991;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// An account: who owns tokens.
    AccountId
}
id! {
    /// An API key.
    KeyId
}
id! {
    /// A generation, which is also its hold.
    GenerationId
}
id! {
    /// One cycle of a plan.
    CycleId
}
id! {
    /// One grant of permanent tokens.
    GrantId
}
id! {
    /// One run of one process.
    NodeId
}
id! {
    /// One payment, asked for or made.
    PaymentId
}
id! {
    /// One refund of a payment.
    RefundId
}
id! {
    /// One subscription to a plan.
    SubscriptionId
}
id! {
    /// One address that events are sent to.
    EndpointId
}
id! {
    /// One event on its way to one address.
    DeliveryId
}

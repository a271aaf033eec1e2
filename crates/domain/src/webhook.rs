//! What happens to an account, for whoever wants to hear of it, and how long sending word of it is tried.

use crate::{id::AccountId, time::DAY_MS};

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    /// A generation succeeded and was charged.
    GenerationCompleted,
    /// A generation failed, or was canceled, and cost nothing.
    GenerationFailed,
    /// A payment was made, and it is decided what it buys.
    PaymentSucceeded,
    /// An order ended unpaid, or a charge was declined.
    PaymentFailed,
    /// A further cycle of a subscription has begun.
    SubscriptionRenewed,
    /// The charge for the next cycle was declined for the first time.
    SubscriptionPastDue,
    /// A subscription has ended.
    SubscriptionEnded,
    /// Little is left of what a cycle brought.
    BalanceLow,
}

impl EventType {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::GenerationCompleted,
        Self::GenerationFailed,
        Self::PaymentSucceeded,
        Self::PaymentFailed,
        Self::SubscriptionRenewed,
        Self::SubscriptionPastDue,
        Self::SubscriptionEnded,
        Self::BalanceLow,
    ];

    /// Its name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GenerationCompleted => "generation.completed",
            Self::GenerationFailed => "generation.failed",
            Self::PaymentSucceeded => "payment.succeeded",
            Self::PaymentFailed => "payment.failed",
            Self::SubscriptionRenewed => "subscription.renewed",
            Self::SubscriptionPastDue => "subscription.past_due",
            Self::SubscriptionEnded => "subscription.ended",
            Self::BalanceLow => "balance.low",
        }
    }

    /// The type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event_type| event_type.name() == name)
    }

    /// Whether it tells of a generation's end; the event then bears the generation's id.
    pub const fn is_of_generation(self) -> bool {
        matches!(self, Self::GenerationCompleted | Self::GenerationFailed)
    }
}

/// Something that the ledger has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose account.
    pub account_id: AccountId,
    /// The id of the generation or the cycle that it is about: there is at most one notice of each.
    pub id: i64,
    /// What has happened.
    pub event_type: EventType,
    /// A JSON object about it. Empty for a generation, whose record says all.
    pub data: String,
}

/// A balance is low when it is below this part of what the cycle brought.
pub const LOW_BALANCE_PERCENT: i64 = 10;

/// Milliseconds for which the secrets before the last rotation go on signing.
pub const ROTATION_OVERLAP_MS: i64 = DAY_MS;

/// Milliseconds for which nothing has got through to an endpoint when a message that is given up disables it.
pub const DISABLED_AFTER_MS: i64 = 5 * DAY_MS;

/// Milliseconds after which a delivery is given up when its turn comes, whether or not it was ever tried: a day for its attempts,
/// and one for what it waited behind.
pub const GIVEN_UP_AFTER_MS: i64 = 2 * DAY_MS;

/// Milliseconds by which an event may seem older than the endpoint that hears of it: processes write the two, by clocks of their
/// own. What happened so shortly before an endpoint was added may be told.
pub const CLOCK_SLACK_MS: i64 = 5 * MINUTE_MS;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Milliseconds between one attempt and the next. Together they stay below 24 h.
const RETRY_DELAYS_MS: [i64; 10] = [
    5_000,
    30_000,
    2 * MINUTE_MS,
    10 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    4 * HOUR_MS,
    8 * HOUR_MS,
    8 * HOUR_MS,
];

/// Milliseconds to wait at most before the next attempt, when `attempts` have failed; `None` when there is none.
pub fn retry_delay_ms(attempts: i64) -> Option<i64> {
    let made = usize::try_from(attempts).ok()?;
    RETRY_DELAYS_MS.get(made.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_is_sent_for_a_day() {
        let delays: Vec<i64> = (1..).map_while(retry_delay_ms).collect();
        assert_eq!(delays.len(), 10);
        assert!(delays.is_sorted());
        let whole: i64 = delays.iter().sum();
        assert!((23 * HOUR_MS..DAY_MS).contains(&whole), "{whole}");
        assert_eq!(retry_delay_ms(0), None);
    }

    #[test]
    fn types_are_known_by_their_names() {
        for event_type in EventType::ALL {
            assert_eq!(EventType::parse(event_type.name()), Some(event_type));
        }
        assert_eq!(EventType::parse("generation.begun"), None);
    }
}

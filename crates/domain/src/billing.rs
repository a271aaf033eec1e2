//! What people pay, and what they get for it: pure rules. They are told in `docs/billing.md`.

mod money;
mod payment;
mod refund;
pub mod report;
mod schedule;
mod subscription;
mod unused;

pub use money::{Currency, Money};
pub use payment::{Payment, PaymentKind, PaymentStatus, Purchase, TradeIn};
pub use refund::{Refund, RefundKind, RefundStatus};
pub use schedule::{CycleWindow, RenewalRules, STARS_PERIOD_MS, cycle_index_at, cycle_window};
pub use subscription::{EndReason, Step, Subscription, SubscriptionStatus};
pub use unused::{Unused, package_refund};

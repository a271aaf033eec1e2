//! Nothing is forgotten: what has not ended has a time at which it is looked at again.

use super::{DAY_MS, Sorted};
use crate::years::rows::Row;

/// Milliseconds by which something may be late while workers die.
const LATE_MS: i64 = DAY_MS;

pub(super) fn check(sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    let rows = sorted.truth.rows;
    for payment in &rows.payments {
        let has_ended = matches!(payment.text("status"), "succeeded" | "canceled" | "returned");
        check_row(sorted, "payment", payment, has_ended, wrong);
    }
    for subscription in &rows.subscriptions {
        // One whose renewal is under way waits for that.
        let renewal = sorted.payments.get(&subscription.number("renewal_payment_id"));
        let waits = renewal
            .is_some_and(|payment| matches!(payment.text("status"), "new" | "pending" | "paid" | "applying"));
        check_row(
            sorted,
            "subscription",
            subscription,
            waits || subscription.text("status") == "ended",
            wrong,
        );
    }
    for refund in &rows.refunds {
        let has_ended = matches!(refund.text("status"), "succeeded" | "failed");
        check_row(sorted, "refund", refund, has_ended, wrong);
    }
}

fn check_row(sorted: &Sorted<'_>, what: &str, row: &Row, may_rest: bool, wrong: &mut Vec<String>) {
    if !row.text("attention").is_empty() {
        if !(what == "refund" && is_refused(sorted, row)) {
            wrong.push(format!("a {what} waits for a person: {row:?}"));
        }
    } else if row.text("due_at_ms").is_empty() {
        if !may_rest {
            wrong.push(format!("a {what} that nobody looks at any more: {row:?}"));
        }
    } else if row.number("due_at_ms") + LATE_MS < sorted.truth.now_ms {
        wrong.push(format!("a {what} that is due since long: {row:?}"));
    } else if sorted.truth.is_last && what == "refund" {
        wrong.push(format!("a refund without an end: {row:?}"));
    }
}

/// Whether its service has refused a refund, or had given back the money already: then only a person can help.
fn is_refused(sorted: &Sorted<'_>, refund: &Row) -> bool {
    let payment = sorted.payments[&refund.number("payment_id")];
    let id = payment.text("gateway_id");
    let was_refused = sorted.truth.books.refunds_of(id).iter().any(|refund| !refund.has_arrived);
    let paid = sorted.truth.books.payments.get(id);
    was_refused || paid.is_some_and(|paid| paid.refunded > 0)
}

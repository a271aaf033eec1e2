//! What must have become of money, once everything that is due has been done.

use super::{Account, At, GRACE_MS, Row, is_applied, subscriptions::is_paid};
use crate::simulation::model::{DAY_MS, HOUR_MS, MINUTE_MS};

/// After so long whoever died has lost what it had claimed, and others have taken it up.
const LEASE_MS: i64 = 5 * MINUTE_MS;
/// Milliseconds between two looks at something, at most; at what was given up, and a little more.
const LOOK_MS: i64 = 3 * HOUR_MS;

impl Account {
    pub(in crate::simulation::model) fn demand_billing(&self, at: &At<'_>, wrong: &mut Vec<String>) {
        let quiet_ms = at.now_ms - at.died_ms;
        if quiet_ms < LEASE_MS {
            return;
        }
        for row in self.books.payments.values().filter(|row| row.text("attention").is_empty()) {
            if let Some(why) = self.unsettled(at, row, quiet_ms) {
                wrong.push(format!("{why}: {row:?}, {:?}", self.books.live));
            }
        }
        for row in self.books.refunds.values().filter(|row| row.text("attention").is_empty()) {
            self.demand_refund(at, row, quiet_ms, wrong);
        }
        self.demand_renewal(at, wrong);
    }

    fn unsettled(&self, at: &At<'_>, row: &Row, quiet_ms: i64) -> Option<&'static str> {
        let id = row.number("id");
        // What was charged ahead waits for the end of the cycle before, to begin or to go back.
        let subscription = self.books.subscriptions.get(&row.number("subscription_id"));
        let ends_ms = subscription.map_or(0, |row| row.number("cycle_ends_at_ms"));
        let waits = row.text("kind") == "renewal" && at.now_ms < ends_ms;
        let paid_ms = at.world.till.by_reference(row.text("reference")).and_then(|entered| entered.paid_at);
        let since_ms = paid_ms.map_or(0, |paid| at.now_ms - paid.unix_ms());
        let is_heard = is_paid(at, row) && since_ms.min(quiet_ms) > LOOK_MS;
        match row.text("status") {
            "applying" => Some("what was paid is not entered"),
            "paid" if !waits => Some("what was paid is not decided on"),
            "new" | "pending" | "canceled" if is_heard => Some("money came, and nobody knows"),
            status if is_applied(status) && !self.books.granted.contains(&id) => {
                Some("what was paid for did not come")
            }
            "canceled" | "returned" if self.books.traded.contains_key(&id) && quiet_ms > LOOK_MS => {
                Some("what was set aside did not come back")
            }
            _ => None,
        }
    }

    fn demand_refund(&self, at: &At<'_>, row: &Row, quiet_ms: i64, wrong: &mut Vec<String>) {
        let payment = self.books.payments.get(&row.number("payment_id"));
        let back: i64 = payment
            .map(|payment| at.world.till.refunds_of(payment.text("gateway_id")))
            .unwrap_or_default()
            .iter()
            .map(|refund| refund.amount.amount_minor)
            .sum();
        let booked: i64 = self
            .books
            .refunds
            .values()
            .filter(|other| other.number("payment_id") == row.number("payment_id"))
            .filter(|other| other.text("status") == "succeeded")
            .map(|other| other.number("amount_minor"))
            .sum();
        let age_ms = at.now_ms - row.number("created_at_ms");
        match row.text("status") {
            "succeeded" if back < booked => {
                wrong.push(format!("{back} kopecks went back, and {booked} stand here: {row:?}"));
            }
            "new" | "taken" | "pending" if quiet_ms.min(age_ms) > LOOK_MS => {
                wrong.push(format!("a refund does not come to its end: {row:?}"));
            }
            _ => {}
        }
    }

    fn demand_renewal(&self, at: &At<'_>, wrong: &mut Vec<String>) {
        let Some(live) = &self.books.live else { return };
        let Some(row) = self.books.subscriptions.get(&live.id) else { return };
        if !row.text("attention").is_empty() {
            return;
        }
        let waits = row.some("renewal_payment_id").and_then(|id| self.books.payments.get(&id));
        let is_known = waits.is_none_or(|row| row.text("attention").is_empty());
        if live.ends && at.now_ms >= live.ends_ms && is_known {
            let is_open = waits.is_some_and(|row| matches!(row.text("status"), "new" | "pending"));
            if !is_open {
                wrong.push(format!("it was to end: {live:?}"));
            }
        }
        if at.now_ms > live.ends_ms + GRACE_MS + DAY_MS + LOOK_MS && is_known && waits.is_none() {
            wrong.push(format!("it is neither renewed nor ended: {live:?}, {row:?}"));
        }
        let charge_ms = live.ends_ms - DAY_MS + LEASE_MS;
        let is_charged = !self.charges(live.id, live.index + 1).is_empty() || at.now_ms >= live.ends_ms;
        let can_be = !live.ends && row.number("is_method_gone") == 0;
        if can_be && at.now_ms > charge_ms && at.now_ms - at.died_ms > LOOK_MS && !is_charged {
            wrong.push(format!("the next cycle is not charged: {live:?}, {row:?}"));
        }
    }
}

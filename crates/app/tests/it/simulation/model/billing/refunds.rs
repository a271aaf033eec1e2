//! Money that goes back, and the tokens that go with it.

use super::{Account, At, Entry, Row};
use crate::simulation::model::{State, prices::share};
use std::collections::BTreeMap;

impl Account {
    /// Whether a refund may be there, and is as large as it must be.
    pub(super) fn check_new_refund(
        &mut self,
        at: &At<'_>,
        row: &Row,
        before: &BTreeMap<i64, Row>,
        wrong: &mut Vec<String>,
    ) {
        let payment_id = row.number("payment_id");
        let payment = self.books.payments.get(&payment_id).cloned();
        let Some(payment) = payment else { return wrong.push(format!("a refund of nothing: {row:?}")) };
        let gone = before.get(&payment_id).map_or(0, |row| row.number("refunded_minor"));
        let rest = payment.number("amount_minor") - gone;
        let seen = (row.number("amount_minor"), row.number("tokens"), row.number("owed_tokens"));
        let must = match row.text("kind") {
            "unwanted" if payment.text("status") == "returned" => (rest, 0, 0),
            "granted" if at.doing.refunds == Some(payment_id) => {
                let (worth, tokens) = self.unused(at, &payment, gone);
                (worth.min(rest), tokens, 0)
            }
            "chargeback" if at.doing.hears || at.doing.bills => {
                let (tokens, owed) = self.used(&payment, row.number("amount_minor"));
                (seen.0.min(rest), tokens, owed)
            }
            _ => return wrong.push(format!("a refund that nobody wanted: {row:?}")),
        };
        if seen != must {
            wrong.push(format!("amount, tokens and debt must be {must:?}: {row:?}, {payment:?}"));
        }
    }

    /// What a payment is still worth, and the tokens that go with that.
    fn unused(&self, at: &At<'_>, payment: &Row, gone: i64) -> (i64, i64) {
        if payment.text("kind") == "package" {
            let free = self.permanent.free_of(payment.number("id"), self.held().1);
            return (share(payment.number("amount_minor"), free, payment.number("tokens")), free);
        }
        let live = self.books.live.as_ref().filter(|live| live.payment_id == payment.number("id"));
        let free = self.cycle.as_ref().map_or(0, |cycle| cycle.free);
        live.map_or((0, 0), |live| (live.worth(live.price - gone, free, at.now_ms), free))
    }

    /// What is left of the tokens that so much of a payment has bought, and what of them is owed.
    fn used(&self, payment: &Row, amount: i64) -> (i64, i64) {
        let bought = share(payment.number("tokens"), amount, payment.number("amount_minor"));
        if payment.text("kind") == "package" {
            let tokens = self.permanent.free_of(payment.number("id"), self.held().1).min(bought);
            return (tokens, bought - tokens);
        }
        let cycle_id = payment.some("cycle_id");
        let own = self.cycle.as_ref().filter(|cycle| Some(cycle.id) == cycle_id);
        let tokens = own.map_or(0, |cycle| cycle.free).min(bought);
        let spent = self
            .generations
            .values()
            .filter(|generation| generation.cycle == cycle_id && generation.state == State::Completed);
        let spent: i64 = spent.map(|generation| generation.plan - generation.plan_back).sum();
        let traded = self.books.traded.iter().filter(|(id, _)| {
            let row = self.books.payments.get(id);
            row.is_some_and(|row| {
                row.some("trade_in_cycle_id") == cycle_id
                    && matches!(row.text("status"), "paid" | "applying" | "succeeded")
            })
        });
        let traded: i64 = traded.map(|(_, tokens)| tokens).sum();
        (tokens, (bought - tokens).min(spent + traded))
    }

    /// Tokens are taken for money that goes back.
    pub(super) fn take_refunded(&mut self, entries: &[Entry], wrong: &mut Vec<String>) {
        for entry in entries.iter().filter(|entry| matches!(entry.reason.as_str(), "refund" | "chargeback")) {
            let Some(row) = self.books.refunds.get(&entry.source).cloned() else {
                wrong.push(format!("tokens were taken for no refund: {entry:?}"));
                continue;
            };
            // What is taken and what is owed are two entries of one.
            let reason = entry.reason.as_str();
            if self.is_due(reason, entry.source) {
                continue;
            }
            if !self.books.taken.insert(entry.source) {
                wrong.push(format!("tokens were taken twice: {entry:?}"));
            }
            let (tokens, owed) = (row.number("tokens"), row.number("owed_tokens"));
            if row.some("cycle_id").is_some() {
                self.enter(reason, entry.source, ("plan", "adjusted"), tokens);
                if let Some(cycle) = &mut self.cycle {
                    cycle.free -= tokens;
                }
            } else {
                self.enter(reason, entry.source, ("permanent", "adjusted"), tokens);
                self.permanent.take(row.number("payment_id"), tokens);
            }
            self.enter(reason, entry.source, ("owed", "adjusted"), owed);
            self.owed += owed;
        }
    }
}

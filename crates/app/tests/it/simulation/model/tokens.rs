//! Tokens: where they are, and what moves them besides generations and money.

use super::{Account, At, Cycle, Entry, GRACE_MS, State, prices::plan};
use crate::simulation::rows::Row;
use std::collections::BTreeMap;

impl Account {
    /// What can be spent.
    pub fn spendable(&self, now_ms: i64) -> i64 {
        self.spendable_plan(now_ms) + self.permanent.total() - self.held().1
    }

    pub fn spendable_plan(&self, now_ms: i64) -> i64 {
        self.cycle.as_ref().filter(|cycle| now_ms < cycle.ends_ms).map_or(0, |cycle| cycle.free)
    }

    /// Permanent tokens that no generation holds.
    pub fn free_permanent(&self) -> i64 {
        self.permanent.total() - self.held().1
    }

    /// What could be spent if so many permanent tokens came, after what is owed.
    pub fn spendable_with(&self, now_ms: i64, tokens: i64) -> i64 {
        self.spendable(now_ms) + tokens - self.owed.min(tokens)
    }

    /// Plan tokens that would come back of a charge.
    pub fn plan_back(&self, now_ms: i64, generation: i64) -> i64 {
        let known = &self.generations[&generation];
        let running = self.running(now_ms);
        if running.is_some() && running == known.cycle { known.plan } else { 0 }
    }

    /// Whether something changes by the time alone.
    pub fn changes_between(&self, from_ms: i64, until_ms: i64) -> bool {
        let falls_in = |at_ms: i64| from_ms <= at_ms && at_ms <= until_ms;
        self.cycle.as_ref().is_some_and(|cycle| falls_in(cycle.ends_ms) || falls_in(cycle.plan_until_ms))
    }

    /// The cycle that runs.
    pub(super) fn running(&self, now_ms: i64) -> Option<i64> {
        self.cycle.as_ref().filter(|cycle| now_ms < cycle.ends_ms).map(|cycle| cycle.id)
    }

    /// Tokens in open holds, of plans and permanent.
    pub fn held(&self) -> (i64, i64) {
        let open = self.generations.values().filter(|generation| generation.state == State::Open);
        open.fold((0, 0), |(plan, permanent), hold| (plan + hold.plan, permanent + hold.permanent))
    }

    /// Says that this movement must be there.
    pub(super) fn enter(&mut self, reason: &str, source: i64, (debit, credit): (&str, &str), amount: i64) {
        if amount > 0 {
            self.due.push(Entry {
                reason: reason.to_owned(),
                source,
                debit: debit.to_owned(),
                credit: credit.to_owned(),
                amount,
            });
        }
    }

    /// Whether a movement for that reason and source is explained already.
    pub(super) fn is_due(&self, reason: &str, source: i64) -> bool {
        self.due.iter().any(|entry| entry.reason == reason && entry.source == source)
    }

    /// What of tokens just given pays a debt.
    pub(super) fn recover(&mut self, source: i64, leg: &str, amount: i64) -> i64 {
        let recovered = self.owed.min(amount);
        self.owed -= recovered;
        self.enter("debt_recovery", source, (leg, "owed"), recovered);
        recovered
    }

    /// Permanent tokens come.
    pub(super) fn give(&mut self, reason: &str, source: i64, amount: i64) {
        self.enter(reason, source, ("issued", "permanent"), amount);
        self.permanent.add(source, amount);
        let recovered = self.recover(source, "permanent", amount);
        self.permanent.take(source, recovered);
    }

    /// What is left of the cycle ends.
    pub(super) fn expire(&mut self) {
        let Some(cycle) = &mut self.cycle else { return };
        let (id, rest) = (cycle.id, std::mem::take(&mut cycle.free));
        self.enter("expiry", id, ("plan", "expired"), rest);
    }

    /// A cycle begins, in place of what there is; one that is older than that changes nothing.
    pub(super) fn open(&mut self, cycle: Cycle, allowance: i64) {
        if self.cycle.as_ref().is_some_and(|running| running.starts_ms > cycle.starts_ms) {
            self.enter("allowance", cycle.id, ("issued", "plan"), allowance);
            return self.enter("expiry", cycle.id, ("plan", "expired"), allowance);
        }
        self.expire();
        self.enter("allowance", cycle.id, ("issued", "plan"), allowance);
        let recovered = self.recover(cycle.id, "plan", allowance);
        self.cycle = Some(Cycle { free: allowance - recovered, ..cycle });
    }

    /// Explains what was entered where no money moves.
    pub(super) fn absorb_tokens(&mut self, at: &At<'_>, entries: &[Entry], wrong: &mut Vec<String>) {
        let own = at.doing.account == self.id;
        for entry in entries {
            match entry.reason.as_str() {
                "starter" if own && at.doing.opens.as_ref().is_some_and(|(plan, _)| plan == "free") => {
                    self.give("starter", entry.source, plan("free").tokens);
                }
                "grant" => {
                    let wanted = at.doing.gives.or(at.doing.opens.as_ref().map(|(_, tokens)| *tokens));
                    match wanted.filter(|_| own) {
                        Some(tokens) => self.give("grant", entry.source, tokens),
                        None => wrong.push(format!("nobody has given {entry:?}")),
                    }
                }
                "take" => match at.doing.takes.filter(|_| own) {
                    Some(tokens) => {
                        self.enter("take", entry.source, ("permanent", "adjusted"), tokens);
                        self.permanent.take(entry.source, tokens);
                    }
                    None => wrong.push(format!("nobody has taken {entry:?}")),
                },
                "charge_refund" | "charge_refund_plan" => self.uncharge(at, entry.source, wrong),
                "allowance" if own && at.doing.opens.is_some() => self.open_given(at, entry.source),
                "expiry" if !self.is_due("expiry", entry.source) => self.sweep(at, entry.source, wrong),
                _ => {}
            }
        }
    }

    /// The cycle with which an account is opened.
    fn open_given(&mut self, at: &At<'_>, id: i64) {
        let Some((slug, _)) = &at.doing.opens else { return };
        let ends_ms = super::months_later(at.now_ms, 1);
        let cycle = Cycle {
            id,
            plan: slug.clone(),
            starts_ms: at.now_ms,
            ends_ms,
            plan_until_ms: ends_ms,
            free: 0,
            subscription: None,
        };
        self.open(cycle, plan(slug).tokens);
    }

    /// A cycle's tokens end: its time is over, or its subscription has ended.
    fn sweep(&mut self, at: &At<'_>, id: i64, wrong: &mut Vec<String>) {
        let is_over = |cycle: &Cycle| {
            cycle.ends_ms <= at.now_ms || cycle.subscription.is_some_and(|id| self.books.has_ended(id))
        };
        if self.cycle.as_ref().is_some_and(|cycle| cycle.id == id && is_over(cycle)) {
            self.expire();
        } else {
            wrong.push(format!("cycle {id} was swept, and has not ended: {:?}", self.cycle));
        }
    }

    /// A charge comes back, once.
    fn uncharge(&mut self, at: &At<'_>, id: i64, wrong: &mut Vec<String>) {
        let running = self.running(at.now_ms);
        let Some(generation) = self.generations.get_mut(&id) else {
            return wrong.push(format!("a charge came back of no generation: {id}"));
        };
        // Two entries of one refund.
        if self.due.iter().any(|entry| entry.source == id && entry.reason.starts_with("charge_refund")) {
            return;
        }
        if at.doing.uncharges != Some(id) || generation.is_refunded || generation.state != State::Completed {
            return wrong.push(format!("a charge came back that was not to: {id}, {generation:?}"));
        }
        generation.is_refunded = true;
        let permanent = generation.permanent;
        let plan = if running.is_some() && running == generation.cycle { generation.plan } else { 0 };
        generation.plan_back = plan;
        self.enter("charge_refund", id, ("spent", "permanent"), permanent);
        self.enter("charge_refund_plan", id, ("spent", "plan"), plan);
        self.permanent.unspend(permanent);
        let paid = self.recover(id, "permanent", permanent);
        self.permanent.take(id, paid);
        let paid = self.recover(id, "plan", plan);
        if let Some(cycle) = &mut self.cycle {
            cycle.free += plan - paid;
        }
    }

    /// Holds what there is against what must be.
    pub(super) fn compare(
        &mut self,
        at: &At<'_>,
        mut seen: Vec<Entry>,
        wallet: &Row,
        wrong: &mut Vec<String>,
    ) {
        let mut due = std::mem::take(&mut self.due);
        for entry in &seen {
            let kind = (entry.reason.clone(), entry.debit.clone(), entry.credit.clone());
            *self.sums.entry(kind).or_default() += entry.amount;
        }
        seen.sort();
        due.sort();
        if seen != due {
            let only = |these: &[Entry], those: &[Entry]| -> Vec<Entry> {
                these.iter().filter(|entry| !those.contains(entry)).cloned().collect()
            };
            wrong.push(format!(
                "entered and not due: {:?}; due and not entered: {:?}",
                only(&seen, &due),
                only(&due, &seen)
            ));
        }
        self.compare_cycle(at, wallet, wrong);
        let (plan_held, permanent_held) = self.held();
        for (column, must) in [
            ("plan_available", self.cycle.as_ref().map_or(0, |cycle| cycle.free)),
            ("permanent_available", self.permanent.total() - permanent_held),
            ("plan_held", plan_held),
            ("permanent_held", permanent_held),
            ("owed_tokens", self.owed),
            ("hour_count", self.hour.1),
            ("day_count", self.day.1),
        ] {
            if wallet.number(column) != must {
                wrong.push(format!("{column} is {}, and must be {must}: {wallet:?}", wallet.number(column)));
            }
        }
        for (column, window) in [("hour_started_at_ms", self.hour), ("day_started_at_ms", self.day)] {
            if window.1 > 0 && wallet.number(column) != window.0 {
                wrong.push(format!("{column} must be {}: {wallet:?}", window.0));
            }
        }
    }

    fn compare_cycle(&mut self, at: &At<'_>, wallet: &Row, wrong: &mut Vec<String>) {
        let (may_end, ends) = (self.cycle_may_end(at), wallet.some("cycle_id"));
        let Some(cycle) = &mut self.cycle else {
            if ends.is_some() {
                wrong.push(format!("a cycle that nobody has opened: {wallet:?}"));
            }
            return;
        };
        if ends.is_none() {
            if !may_end || cycle.free > 0 {
                wrong.push(format!("a cycle is gone that has not ended: {cycle:?}"));
            }
            self.cycle = None;
            return;
        }
        let seen = (
            wallet.number("cycle_id"),
            wallet.text("cycle_plan"),
            wallet.number("cycle_starts_at_ms"),
            wallet.number("cycle_ends_at_ms"),
        );
        if seen != (cycle.id, cycle.plan.as_str(), cycle.starts_ms, cycle.ends_ms) {
            wrong.push(format!("the cycle is {wallet:?}, and must be {cycle:?}"));
        }
        let until_ms = wallet.number("cycle_plan_until_ms");
        if until_ms != cycle.plan_until_ms {
            // Whoever died while its end was changed may have written one and not the other.
            let is_either = [cycle.ends_ms, cycle.ends_ms + GRACE_MS].contains(&until_ms);
            let may_differ = at.doing.died || self.books.is_unsure;
            if !is_either || !may_differ || cycle.subscription.is_none() {
                wrong.push(format!("the plan is kept until {until_ms}, and must be: {cycle:?}"));
            }
            cycle.plan_until_ms = until_ms;
        }
    }

    fn cycle_may_end(&self, at: &At<'_>) -> bool {
        let Some(cycle) = &self.cycle else { return true };
        let is_swept = at.doing.recovers && at.now_ms >= cycle.plan_until_ms;
        is_swept || cycle.subscription.is_some_and(|id| self.books.has_ended(id))
    }

    /// What must have happened by now.
    pub(super) fn demand(&mut self, at: &At<'_>, wrong: &mut Vec<String>) {
        self.demand_ends(at, wrong);
        let swept = self.cycle.as_ref().filter(|cycle| at.doing.recovers && cycle.ends_ms <= at.now_ms);
        if let Some(cycle) = swept.filter(|cycle| cycle.free > 0) {
            wrong.push(format!("an ended cycle is not swept: {cycle:?}"));
        }
        let kept = self.cycle.as_ref().filter(|cycle| at.doing.recovers && cycle.plan_until_ms <= at.now_ms);
        if let Some(cycle) = kept.filter(|_| !at.doing.bills) {
            wrong.push(format!("a plan is kept that is over: {cycle:?}"));
        }
        if at.doing.bills {
            self.demand_billing(at, wrong);
        }
    }

    /// Compares everything that was ever seen with everything that is on record.
    pub fn compare_history(&self, generations: &[&Row], entries: &[&Row]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut sums: BTreeMap<(String, String, String), i64> = BTreeMap::new();
        for row in entries {
            let entry = Entry::of(row);
            *sums.entry((entry.reason, entry.debit, entry.credit)).or_default() += entry.amount;
        }
        if sums != self.sums {
            wrong.push(format!("account {}: entries come to {sums:?}, and must to {:?}", self.id, self.sums));
        }
        if generations.len() != self.generations.len() {
            wrong.push(format!("account {} has {} generations", self.id, generations.len()));
        }
        for row in generations {
            let known = self.generations.get(&row.number("id"));
            let state = match row.text("status") {
                "completed" => State::Completed,
                "failed" => State::Failed,
                _ => State::Open,
            };
            if known.is_none_or(|known| {
                known.state != state
                    || known.price() != row.number("price_tokens")
                    || known.is_refunded != row.some("refunded_tokens").is_some()
            }) {
                wrong.push(format!("account {}: {row:?} must be {known:?}", self.id));
            }
        }
        wrong
    }

    /// Whether nothing will happen to it any more by itself.
    pub fn is_at_rest(&self) -> bool {
        self.generations.values().all(|generation| generation.state != State::Open) && self.books.is_at_rest()
    }
}

//! What the model does as an operator decides.

use super::Model;
use domain::{
    id::AccountId,
    ledger::{MAX_AMOUNT_TOKENS, Outcome, Reason, Refunded, Refusal, Split},
    time::Timestamp,
};

impl Model {
    pub(super) fn take_for_good(
        &mut self,
        account: AccountId,
        source: i64,
        amount: i64,
    ) -> Result<Outcome, Refusal> {
        if !(1..=MAX_AMOUNT_TOKENS).contains(&amount) {
            return Err(Refusal::BadAmount);
        }
        if self.done.contains(&(account, Reason::Take, source)) {
            return Ok(Outcome::Done);
        }
        let (_, available_tokens) = self.available(account);
        if available_tokens < amount {
            return Err(Refusal::InsufficientTokens { required_tokens: amount, available_tokens });
        }
        self.done.insert((account, Reason::Take, source));
        let mut due = amount;
        for lot in self.lots.iter_mut().filter(|lot| lot.account == account && lot.cycle.is_none()) {
            let some = due.min(lot.free);
            lot.free -= some;
            due -= some;
        }
        self.totals.entry(account).or_default().adjusted += amount;
        Ok(Outcome::Done)
    }

    /// Every lot gets back what was taken from it, if it still stands. The account's debt is paid from that.
    pub(super) fn refund_charge(
        &mut self,
        now: Timestamp,
        account: AccountId,
        id: i64,
    ) -> Result<Outcome, Refusal> {
        let hold = self.holds.get(&(account, id)).ok_or(Refusal::UnknownGeneration)?;
        if hold.completed != Some(true) {
            return Err(Refusal::NotCharged);
        }
        let was = self.split(hold);
        let told = |split: Split, is_first: bool| {
            let expired_tokens = was.plan_tokens - split.plan_tokens;
            Ok(Outcome::Refunded(Refunded { split, expired_tokens, is_first }))
        };
        if let Some(split) = hold.refunded {
            return told(split, false);
        }
        let taken = hold.taken.iter().copied().filter(|(place, _)| self.lots[*place].can_be_spent(now));
        let taken: Vec<(usize, i64)> = taken.collect();
        let sum = |is_plan: bool| {
            taken
                .iter()
                .filter(|(place, _)| self.lots[*place].cycle.is_some() == is_plan)
                .map(|(_, n)| n)
                .sum()
        };
        let split = Split { plan_tokens: sum(true), permanent_tokens: sum(false) };
        let tokens = split.plan_tokens + split.permanent_tokens;
        if tokens == 0 {
            return Err(Refusal::ChargeExpired);
        }
        let totals = self.totals.entry(account).or_default();
        let mut debt = totals.owed.min(tokens);
        totals.spent -= tokens;
        totals.owed -= debt;
        let is_plan = |place: usize| self.lots[place].cycle.is_some();
        let mut ordered = taken.clone();
        // A debt is paid from permanent tokens first.
        ordered.sort_by_key(|(place, _)| is_plan(*place));
        for (place, some) in ordered {
            let paid = debt.min(some);
            debt -= paid;
            self.lots[place].free += some - paid;
        }
        if let Some(hold) = self.holds.get_mut(&(account, id)) {
            hold.refunded = Some(split);
        }
        told(split, true)
    }
}

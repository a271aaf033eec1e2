//! Holds: taken as far as limits, budgets and the balance allow, and ended once.

use super::{Book, NewHold, SettledHold, StoredHold, check_amount};
use crate::{
    id::GenerationId,
    ledger::{
        Bound, EndedHold, Held, HoldRequest, KeyUse, Leg, Outcome, Reason, Refusal, Resolution, Resolved,
        Wallet,
    },
    time::Month,
};

impl<Done> Book<Done> {
    pub(super) fn hold(&mut self, wallet: Wallet, request: HoldRequest) -> Result<Outcome, Refusal> {
        check_amount(request.price_tokens)?;
        let key = (wallet.account_id, request.generation_id);
        if let Some(hold) = self.holds.get(&key) {
            let balance_tokens = wallet.spendable_tokens(self.now);
            return Ok(Outcome::Held(Held { split: hold.split, balance_tokens, rate: wallet.rate }));
        }
        if let Some(earlier) = self.earlier(&request)? {
            return Ok(Outcome::Bound(earlier));
        }
        // Whoever asks was let in before the account was erased.
        if wallet.is_closed {
            return Err(Refusal::UnknownAccount);
        }
        let rate = wallet.rate.count(request.limits, self.now).map_err(Refusal::RateLimited)?;
        let key_use = self.key_use_with(&request)?;
        let split = wallet.split(request.price_tokens, self.now).ok_or(Refusal::InsufficientTokens {
            required_tokens: request.price_tokens,
            available_tokens: wallet.spendable_tokens(self.now),
        })?;
        let after = Wallet { rate, ..wallet.hold(split).ok_or(Refusal::Inconsistent)? };
        let balance_tokens = after.spendable_tokens(self.now);
        let cycle_id = wallet.cycle.as_ref().filter(|_| split.plan_tokens > 0).map(|cycle| cycle.id);
        let key_month = key_use.map(|used| used.month);
        self.note(&request, key_use);
        let hold = NewHold { request, split, cycle_id, key_month, balance_tokens };
        self.holds.insert(key, hold.stored());
        self.new_holds.push(hold);
        self.put(after);
        Ok(Outcome::Held(Held { split, balance_tokens, rate }))
    }

    /// The generation that the same request began before, where it bears a name.
    fn earlier(&self, request: &HoldRequest) -> Result<Option<GenerationId>, Refusal> {
        let Some(binding) = &request.binding else { return Ok(None) };
        match self.bound.get(&(request.account_id, binding.key.clone())) {
            None => Ok(None),
            Some(Bound { fingerprint, generation_id: Some(earlier) })
                if *fingerprint == binding.fingerprint =>
            {
                Ok(Some(*earlier))
            }
            Some(_) => Err(Refusal::BoundOtherwise),
        }
    }

    /// What the key will have used; `None` for one without a budget.
    fn key_use_with(&self, request: &HoldRequest) -> Result<Option<KeyUse>, Refusal> {
        let Some((key_id, budget_tokens)) = request.key_id.zip(request.key_budget_tokens) else {
            return Ok(None);
        };
        let used = self.key_uses.get(&(request.account_id, key_id)).copied().unwrap_or_default();
        let required_tokens = request.price_tokens;
        let used = used.at(Month::of(self.now)).using(required_tokens, budget_tokens);
        used.map(Some)
            .map_err(|available_tokens| Refusal::OverKeyBudget { required_tokens, available_tokens })
    }

    /// Notes what the hold that is taken uses and binds.
    fn note(&mut self, request: &HoldRequest, key_use: Option<KeyUse>) {
        if let Some((key_id, used)) = request.key_id.zip(key_use) {
            let key = (request.account_id, key_id);
            self.key_uses.insert(key, used);
            self.used_keys.insert(key);
        }
        if let Some(binding) = &request.binding {
            let bound =
                Bound { fingerprint: binding.fingerprint, generation_id: Some(request.generation_id) };
            self.bound.insert((request.account_id, binding.key.clone()), bound);
        }
    }

    pub(super) fn resolve(&mut self, wallet: Wallet, ended: EndedHold<Done>) -> Result<Outcome, Refusal> {
        let key = (wallet.account_id, ended.generation_id);
        let hold = self.holds.get(&key).cloned().ok_or(Refusal::UnknownGeneration)?;
        let price = hold.split.plan_tokens.saturating_add(hold.split.permanent_tokens);
        let resolved = |is_completed: bool, is_first: bool, wallet: &Wallet| {
            Outcome::Resolved(Resolved {
                is_completed,
                is_first,
                tokens_spent: if is_completed { price } else { 0 },
                balance_tokens: wallet.spendable_tokens(self.now),
            })
        };
        if let Some(is_completed) = hold.completed {
            return Ok(resolved(is_completed, false, &wallet));
        }
        if hold.runs_as_job && matches!(ended.resolution, Resolution::Lost(_)) {
            return Ok(resolved(false, false, &wallet));
        }
        let is_completed = matches!(ended.resolution, Resolution::Completed(_));
        let (after, ended_tokens) = if is_completed {
            (wallet.capture(hold.split).ok_or(Refusal::Inconsistent)?, 0)
        } else {
            wallet.release(hold.split, hold.cycle_id, self.now).ok_or(Refusal::Inconsistent)?
        };
        let outcome = resolved(is_completed, true, &after);
        let source = ended.generation_id.0;
        if is_completed {
            self.enter(&wallet, Reason::Charge, source, (Leg::Plan, Leg::Spent), hold.split.plan_tokens);
            let permanent_tokens = hold.split.permanent_tokens;
            self.enter(&wallet, Reason::Charge, source, (Leg::Permanent, Leg::Spent), permanent_tokens);
        } else {
            self.enter(&wallet, Reason::LateRelease, source, (Leg::Plan, Leg::Expired), ended_tokens);
            self.return_to_key(&wallet, &hold, price);
        }
        self.tell_of_end(&after, &hold, ended.generation_id, is_completed);
        self.holds.insert(key, StoredHold { completed: Some(is_completed), ..hold });
        let balance_tokens = after.spendable_tokens(self.now);
        self.resolutions.push(SettledHold { ended, balance_tokens });
        self.put(after);
        Ok(outcome)
    }

    /// Gives a failed generation's tokens back to its key's budget, while the month that they counted in lasts.
    fn return_to_key(&mut self, wallet: &Wallet, hold: &StoredHold, price_tokens: i64) {
        let Some((key_id, month)) = hold.key_month else { return };
        let key = (wallet.account_id, key_id);
        let Some(used) = self.key_uses.get_mut(&key) else { return };
        let after = used.returning(price_tokens, month);
        if after != *used {
            *used = after;
            self.used_keys.insert(key);
        }
    }
}

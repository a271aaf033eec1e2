//! What the model does about limits, budgets and names: it keeps everything that happened, and counts.

use super::Model;
use domain::{
    id::{AccountId, GenerationId},
    ledger::{HoldRequest, RateState, RateWindow, RateWindows, Refusal},
    time::Timestamp,
};

pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;

impl Model {
    pub(super) fn earlier(&self, request: &HoldRequest) -> Result<Option<GenerationId>, Refusal> {
        let Some(binding) = &request.binding else { return Ok(None) };
        match self.names.get(&(request.account_id, binding.key.clone())) {
            None => Ok(None),
            Some((fingerprint, id)) if *fingerprint == binding.fingerprint => Ok(Some(GenerationId(*id))),
            Some(_) => Err(Refusal::BoundOtherwise),
        }
    }

    pub(super) fn admit(&self, now: Timestamp, request: &HoldRequest) -> Result<(), Refusal> {
        let rate = self.rate(request.account_id);
        let mut full = Vec::new();
        for (limit, length, window) in
            [(request.limits.hourly, HOUR_MS, rate.hour), (request.limits.daily, DAY_MS, rate.day)]
        {
            let end = window.started_at.plus_ms(length);
            if limit > 0 && now < end && window.count >= limit {
                full.push(RateState { limit, remaining: 0, reset_ms: end.ms_since(now) });
            }
        }
        if let Some(state) = full.into_iter().max_by_key(|state| state.reset_ms) {
            return Err(Refusal::RateLimited(state));
        }
        if let Some(budget) = request.key_budget_tokens {
            let available_tokens = (budget - self.used(now, request.account_id, key_of(request))).max(0);
            if request.price_tokens > available_tokens {
                let required_tokens = request.price_tokens;
                return Err(Refusal::OverKeyBudget { required_tokens, available_tokens });
            }
        }
        Ok(())
    }

    /// Tokens that a key has spent or holds of the running month, under a budget.
    pub fn used(&self, now: Timestamp, account: AccountId, key: i64) -> i64 {
        let counted = (key, month(now));
        let own = self.holds.iter().filter(|((owner, _), hold)| {
            *owner == account && hold.key.as_ref() == Some(&counted) && hold.completed != Some(false)
        });
        own.map(|(_, hold)| hold.price).sum()
    }

    pub(super) fn counted(&self, now: Timestamp, request: &HoldRequest) -> Option<(i64, String)> {
        request.key_budget_tokens.map(|_| (key_of(request), month(now)))
    }

    pub(super) fn begin(&mut self, now: Timestamp, request: &HoldRequest) {
        self.begun.entry(request.account_id).or_default().push(now);
        if let Some(binding) = &request.binding {
            let name = (request.account_id, binding.key.clone());
            self.names.insert(name, (binding.fingerprint, request.generation_id.0));
        }
    }

    /// The latest windows, from all that was ever begun.
    pub fn rate(&self, account: AccountId) -> RateWindows {
        let latest = |length: i64| {
            let mut window = RateWindow::default();
            for at in self.begun.get(&account).into_iter().flatten() {
                if window.count == 0 || *at >= window.started_at.plus_ms(length) {
                    window = RateWindow { started_at: *at, count: 0 };
                }
                window.count += 1;
            }
            window
        };
        RateWindows { hour: latest(HOUR_MS), day: latest(DAY_MS) }
    }
}

/// As `2026-11`.
fn month(at: Timestamp) -> String {
    at.to_string().chars().take(7).collect()
}

/// The key that a request names, which every one of the model's does.
fn key_of(request: &HoldRequest) -> i64 {
    request.key_id.unwrap().0
}

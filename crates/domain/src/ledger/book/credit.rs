//! What fills an account, and what empties it other than generations: grants, cycles, and taking back.

use super::{Book, check_amount};
use crate::{
    id::{CycleId, GrantId},
    ledger::{
        Bucket, Cycle, GiveBack, Leg, MAX_AMOUNT_TOKENS, OpenCycle, Outcome, Reason, Refusal, TakeBack,
        Wallet,
    },
    time::Timestamp,
};

impl<Done> Book<Done> {
    pub(super) fn grant(
        &mut self,
        wallet: Wallet,
        grant_id: GrantId,
        reason: Reason,
        amount_tokens: i64,
    ) -> Result<Outcome, Refusal> {
        check_amount(amount_tokens)?;
        let permanent_available = wallet.permanent_available.checked_add(amount_tokens);
        let permanent_available = permanent_available.ok_or(Refusal::BadAmount)?;
        if self.is_new(&wallet, reason, grant_id.0) {
            self.enter(&wallet, reason, grant_id.0, (Leg::Issued, Leg::Permanent), amount_tokens);
            let recovered = self.recover(&wallet, grant_id.0, Leg::Permanent, amount_tokens);
            self.put(Wallet {
                permanent_available: permanent_available.saturating_sub(recovered),
                owed_tokens: wallet.owed_tokens.saturating_sub(recovered),
                ..wallet
            });
        }
        Ok(Outcome::Done)
    }

    pub(super) fn open_cycle(&mut self, wallet: Wallet, open: OpenCycle) -> Result<Outcome, Refusal> {
        check_amount(open.allowance_tokens)?;
        let (cycle, allowance_tokens) = (open.cycle.clone(), open.allowance_tokens);
        if !self.is_new(&wallet, Reason::Allowance, cycle.id.0) {
            return Ok(Outcome::Done);
        }
        let legs = (Leg::Issued, Leg::Plan);
        if wallet.cycle.as_ref().is_some_and(|running| running.starts_at > cycle.starts_at) {
            // A payment that was heard of after a later one: its time is over, and it must not end the later cycle.
            self.enter(&wallet, Reason::Allowance, cycle.id.0, legs, allowance_tokens);
            self.enter(&wallet, Reason::Expiry, cycle.id.0, (Leg::Plan, Leg::Expired), allowance_tokens);
        } else {
            self.expire_rest(&wallet);
            self.enter(&wallet, Reason::Allowance, cycle.id.0, legs, allowance_tokens);
            let recovered = self.recover(&wallet, cycle.id.0, Leg::Plan, allowance_tokens);
            self.put(Wallet {
                plan_available: allowance_tokens.saturating_sub(recovered),
                owed_tokens: wallet.owed_tokens.saturating_sub(recovered),
                cycle: Some(cycle),
                ..wallet
            });
        }
        self.allowances.insert(open.cycle.id, allowance_tokens);
        self.cycles.push(open);
        Ok(Outcome::Done)
    }

    /// The end of a cycle's tokens; its plan may be kept a little longer.
    pub(super) fn expire(&mut self, wallet: Wallet, cycle_id: CycleId) -> Outcome {
        if let Some(cycle) = own_cycle(&wallet, cycle_id).filter(|cycle| cycle.ends_at <= self.now) {
            let kept = Some(cycle).filter(|cycle| self.now < cycle.plan_until).cloned();
            self.expire_rest(&wallet);
            self.put(Wallet { plan_available: 0, cycle: kept, ..wallet });
        }
        Outcome::Done
    }

    pub(super) fn keep_plan(&mut self, wallet: Wallet, cycle_id: CycleId, plan_until: Timestamp) -> Outcome {
        if let Some(cycle) = own_cycle(&wallet, cycle_id) {
            let plan_until = plan_until.max(cycle.ends_at);
            let cycle = Some(Cycle { plan_until, ..cycle.clone() });
            self.put(Wallet { cycle, ..wallet });
        }
        Outcome::Done
    }

    pub(super) fn end_cycle(&mut self, wallet: Wallet, cycle_id: CycleId) -> Outcome {
        if own_cycle(&wallet, cycle_id).is_some() {
            self.expire_rest(&wallet);
            self.put(Wallet { plan_available: 0, cycle: None, ..wallet });
        }
        Outcome::Done
    }

    pub(super) fn take_back(&mut self, wallet: Wallet, take: TakeBack) -> Result<Outcome, Refusal> {
        let TakeBack { reason, source_id, bucket, amount_tokens, owed_tokens, seen, .. } = take;
        if [amount_tokens, owed_tokens].iter().any(|tokens| !(0..=MAX_AMOUNT_TOKENS).contains(tokens)) {
            return Err(Refusal::BadAmount);
        }
        let source = (wallet.account_id, reason, source_id);
        if self.sources.contains(&source) {
            return Ok(Outcome::Done);
        }
        let leg = if bucket == Bucket::Permanent { Leg::Permanent } else { Leg::Plan };
        let now_there = wallet.seen(bucket);
        let rest = now_there.0.checked_sub(amount_tokens).filter(|rest| *rest >= 0);
        let (Some(rest), true) = (rest, now_there == seen) else { return Err(Refusal::Moved) };
        let owed_after = wallet.owed_tokens.checked_add(owed_tokens).ok_or(Refusal::BadAmount)?;
        // What took nothing leaves no entry, and so counts as not done.
        if amount_tokens > 0 || owed_tokens > 0 {
            self.sources.insert(source);
        }
        self.enter(&wallet, reason, source_id, (leg, Leg::Adjusted), amount_tokens);
        self.enter(&wallet, reason, source_id, (Leg::Owed, Leg::Adjusted), owed_tokens);
        let taken = if amount_tokens == 0 { wallet } else { with_available(wallet, leg, rest) };
        self.put(Wallet { owed_tokens: owed_after, ..taken });
        Ok(Outcome::Done)
    }

    pub(super) fn give_back(&mut self, wallet: Wallet, give: GiveBack) -> Result<Outcome, Refusal> {
        let GiveBack { reason, taken_as, source_id, bucket, amount_tokens, .. } = give;
        check_amount(amount_tokens)?;
        if !self.sources.contains(&(wallet.account_id, taken_as, source_id)) {
            return Ok(Outcome::Done);
        }
        let (leg, available) = match bucket {
            Bucket::Permanent => (Leg::Permanent, Some(wallet.permanent_available)),
            Bucket::Plan(id) => {
                let runs = own_cycle(&wallet, id).is_some_and(|cycle| self.now < cycle.ends_at);
                (Leg::Plan, runs.then_some(wallet.plan_available))
            }
        };
        let after = available.map(|tokens| tokens.checked_add(amount_tokens).ok_or(Refusal::BadAmount));
        let after = after.transpose()?;
        if self.is_new(&wallet, reason, source_id) {
            let to = if after.is_some() { leg } else { Leg::Expired };
            self.enter(&wallet, reason, source_id, (Leg::Adjusted, to), amount_tokens);
            self.put(match after {
                Some(available) => with_available(wallet, leg, available),
                None => wallet,
            });
        }
        Ok(Outcome::Done)
    }

    pub(super) fn take(
        &mut self,
        wallet: Wallet,
        source_id: i64,
        amount_tokens: i64,
    ) -> Result<Outcome, Refusal> {
        check_amount(amount_tokens)?;
        if self.sources.contains(&(wallet.account_id, Reason::Take, source_id)) {
            return Ok(Outcome::Done);
        }
        let available_tokens = wallet.permanent_available;
        let rest = available_tokens.checked_sub(amount_tokens).filter(|rest| *rest >= 0);
        let rest =
            rest.ok_or(Refusal::InsufficientTokens { required_tokens: amount_tokens, available_tokens })?;
        self.is_new(&wallet, Reason::Take, source_id);
        self.enter(&wallet, Reason::Take, source_id, (Leg::Permanent, Leg::Adjusted), amount_tokens);
        self.put(Wallet { permanent_available: rest, ..wallet });
        Ok(Outcome::Done)
    }

    /// Whether nothing was entered yet for this reason and source; from now on it counts as entered.
    fn is_new(&mut self, wallet: &Wallet, reason: Reason, source_id: i64) -> bool {
        self.sources.insert((wallet.account_id, reason, source_id))
    }

    /// Enters what of tokens just given pays the account's debt, and says how much that is.
    pub(super) fn recover(&mut self, wallet: &Wallet, source_id: i64, leg: Leg, amount_tokens: i64) -> i64 {
        let recovered = wallet.owed_tokens.min(amount_tokens);
        self.enter(wallet, Reason::DebtRecovery, source_id, (leg, Leg::Owed), recovered);
        recovered
    }

    /// Enters the end of what is left of the wallet's plan tokens.
    fn expire_rest(&mut self, wallet: &Wallet) {
        if let Some(cycle) = &wallet.cycle {
            let legs = (Leg::Plan, Leg::Expired);
            self.enter(wallet, Reason::Expiry, cycle.id.0, legs, wallet.plan_available);
        }
    }
}

/// The wallet's cycle, if it is that one.
fn own_cycle(wallet: &Wallet, cycle_id: CycleId) -> Option<&Cycle> {
    wallet.cycle.as_ref().filter(|cycle| cycle.id == cycle_id)
}

fn with_available(wallet: Wallet, leg: Leg, tokens: i64) -> Wallet {
    if leg == Leg::Plan {
        Wallet { plan_available: tokens, ..wallet }
    } else {
        Wallet { permanent_available: tokens, ..wallet }
    }
}

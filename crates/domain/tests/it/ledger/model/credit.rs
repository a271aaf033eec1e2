//! What the model does about giving and taking back.

use super::{Current, Lot, Model};
use domain::{
    id::AccountId,
    ledger::{Bucket, GiveBack, MAX_AMOUNT_TOKENS, OpenCycle, Outcome, Reason, Refusal, TakeBack},
    time::Timestamp,
};

fn check(amount: i64, least: i64) -> Result<(), Refusal> {
    if (least..=MAX_AMOUNT_TOKENS).contains(&amount) { Ok(()) } else { Err(Refusal::BadAmount) }
}

impl Model {
    pub(super) fn grant(
        &mut self,
        account: AccountId,
        reason: Reason,
        source: i64,
        amount: i64,
    ) -> Result<Outcome, Refusal> {
        check(amount, 1)?;
        if self.done.insert((account, reason, source)) {
            self.issue(account, None, amount);
        }
        Ok(Outcome::Done)
    }

    pub(super) fn open_cycle(&mut self, account: AccountId, open: &OpenCycle) -> Result<Outcome, Refusal> {
        check(open.allowance_tokens, 1)?;
        let (cycle, amount) = (&open.cycle, open.allowance_tokens);
        if !self.done.insert((account, Reason::Allowance, cycle.id.0)) {
            return Ok(Outcome::Done);
        }
        if self.current.get(&account).is_some_and(|current| cycle.starts_at < current.starts_at) {
            // Its time was over before it came: it changes nothing, and is on record.
            let totals = self.totals.entry(account).or_default();
            totals.issued += amount;
            totals.expired += amount;
            return Ok(Outcome::Done);
        }
        self.end_lots(account);
        self.issue(account, Some((cycle.id.0, cycle.ends_at)), amount);
        let current = Current {
            id: cycle.id.0,
            starts_at: cycle.starts_at,
            ends_at: cycle.ends_at,
            plan_until: cycle.plan_until,
        };
        self.current.insert(account, current);
        Ok(Outcome::Done)
    }

    /// A new lot, of which the account's debt is paid first.
    fn issue(&mut self, account: AccountId, cycle: Option<(i64, Timestamp)>, amount: i64) {
        let totals = self.totals.entry(account).or_default();
        let recovered = totals.owed.min(amount);
        totals.issued += amount;
        totals.owed -= recovered;
        self.lots.push(Lot { account, cycle, is_over: false, free: amount - recovered });
    }

    pub(super) fn expire(&mut self, now: Timestamp, account: AccountId, id: i64) {
        let Some(cycle) = self.current.get(&account).filter(|cycle| cycle.id == id) else { return };
        if now < cycle.ends_at {
            return;
        }
        let is_kept = now < cycle.plan_until;
        self.end_lots(account);
        if !is_kept {
            self.current.remove(&account);
        }
    }

    /// Ends all the account's lots of cycles.
    pub(super) fn end_lots(&mut self, account: AccountId) {
        for lot in self.lots.iter_mut().filter(|lot| lot.account == account && lot.cycle.is_some()) {
            self.totals.entry(account).or_default().expired += lot.free;
            lot.free = 0;
            lot.is_over = true;
        }
    }

    /// What a bucket has, available and in holds.
    pub fn seen(&self, account: AccountId, bucket: Bucket) -> (i64, i64) {
        let (available, held) = (self.available(account), self.held(account));
        match bucket {
            Bucket::Permanent => (available.1, held.1),
            Bucket::Plan(id) if self.current.get(&account).is_some_and(|cycle| cycle.id == id.0) => {
                (available.0, held.0)
            }
            Bucket::Plan(_) => (0, 0),
        }
    }

    pub(super) fn take_back(&mut self, take: &TakeBack) -> Result<Outcome, Refusal> {
        check(take.amount_tokens, 0)?;
        check(take.owed_tokens, 0)?;
        let (account, source) = (take.account_id, (take.account_id, take.reason, take.source_id));
        if self.done.contains(&source) {
            return Ok(Outcome::Done);
        }
        let seen = self.seen(account, take.bucket);
        if take.seen != seen || take.amount_tokens > seen.0 {
            return Err(Refusal::Moved);
        }
        if take.amount_tokens + take.owed_tokens > 0 {
            self.done.insert(source);
        }
        let mut due = take.amount_tokens;
        let is_plan = take.bucket != Bucket::Permanent;
        for lot in self.lots.iter_mut().filter(|lot| lot.account == account && lot.cycle.is_some() == is_plan)
        {
            let some = due.min(lot.free);
            lot.free -= some;
            due -= some;
        }
        assert_eq!(due, 0, "what was seen is there");
        let totals = self.totals.entry(account).or_default();
        totals.adjusted += take.amount_tokens + take.owed_tokens;
        totals.owed += take.owed_tokens;
        Ok(Outcome::Done)
    }

    pub(super) fn give_back(&mut self, now: Timestamp, give: &GiveBack) -> Result<Outcome, Refusal> {
        check(give.amount_tokens, 1)?;
        let account = give.account_id;
        let was_taken = self.done.contains(&(account, give.taken_as, give.source_id));
        if !was_taken || !self.done.insert((account, give.reason, give.source_id)) {
            return Ok(Outcome::Done);
        }
        let lot = match give.bucket {
            Bucket::Permanent => {
                self.lots.push(Lot { account, cycle: None, is_over: false, free: 0 });
                self.lots.last_mut()
            }
            Bucket::Plan(id) => self.lots.iter_mut().find(|lot| {
                lot.account == account
                    && lot.cycle.is_some_and(|(cycle, _)| cycle == id.0)
                    && lot.can_be_spent(now)
            }),
        };
        let totals = self.totals.entry(account).or_default();
        totals.adjusted -= give.amount_tokens;
        match lot {
            Some(lot) => lot.free += give.amount_tokens,
            None => totals.expired += give.amount_tokens,
        }
        Ok(Outcome::Done)
    }
}

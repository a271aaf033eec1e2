//! A second ledger, as plain as it can be: tokens lie in lots, and a hold remembers from which lots it took them.

use domain::{
    id::AccountId,
    ledger::{Command, Outcome, Reason, Refusal, Resolution, Resolved, Split},
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// Tokens that came together.
#[derive(Debug)]
struct Lot {
    account: AccountId,
    /// The cycle and its end; `None` for permanent tokens.
    cycle: Option<(i64, Timestamp)>,
    /// Whether it was swept, or another cycle has begun.
    is_over: bool,
    free: i64,
}

impl Lot {
    fn can_be_spent(&self, now: Timestamp) -> bool {
        !self.is_over && self.cycle.is_none_or(|(_, ends_at)| now < ends_at)
    }
}

#[derive(Debug)]
struct Hold {
    /// Lots by their place, and what was taken from each.
    taken: Vec<(usize, i64)>,
    completed: Option<bool>,
}

/// All accounts' tokens.
#[derive(Debug)]
pub struct Model {
    accounts: BTreeSet<AccountId>,
    lots: Vec<Lot>,
    holds: BTreeMap<(AccountId, i64), Hold>,
    given: BTreeSet<(AccountId, Reason, i64)>,
    spent: BTreeMap<AccountId, i64>,
    expired: BTreeMap<AccountId, i64>,
}

impl Model {
    pub fn new(accounts: impl IntoIterator<Item = AccountId>) -> Self {
        Self {
            accounts: accounts.into_iter().collect(),
            lots: Vec::new(),
            holds: BTreeMap::new(),
            given: BTreeSet::new(),
            spent: BTreeMap::new(),
            expired: BTreeMap::new(),
        }
    }

    pub fn run(&mut self, now: Timestamp, command: &Command<()>) -> Result<Outcome, Refusal> {
        let account = command.account_id();
        if !self.accounts.contains(&account) {
            return Err(Refusal::UnknownAccount);
        }
        match command {
            Command::Hold(request) => self.hold(now, account, request.generation_id.0, request.price_tokens),
            Command::Resolve(ended) => {
                let is_completed = matches!(ended.resolution, Resolution::Completed(()));
                self.resolve(now, account, ended.generation_id.0, is_completed)
            }
            Command::Grant { grant_id, reason, amount_tokens, .. } => {
                self.give(account, *reason, grant_id.0, *amount_tokens, None)
            }
            Command::OpenCycle(open) => {
                let cycle = Some((open.cycle.id.0, open.cycle.ends_at));
                self.give(account, Reason::Allowance, open.cycle.id.0, open.allowance_tokens, cycle)
            }
            Command::Expire { cycle_id, .. } => {
                self.end_lots(account, |(id, ends_at)| id == cycle_id.0 && ends_at <= now);
                Ok(Outcome::Done)
            }
        }
    }

    fn hold(&mut self, now: Timestamp, account: AccountId, id: i64, price: i64) -> Result<Outcome, Refusal> {
        if !(1..=1_000_000_000_000).contains(&price) {
            return Err(Refusal::BadAmount);
        }
        if !self.holds.contains_key(&(account, id)) {
            let available = self.spendable(account, now);
            if available < price {
                return Err(Refusal::InsufficientTokens {
                    required_tokens: price,
                    available_tokens: available,
                });
            }
            // Lots of plans first; among equals the older one.
            let mut order: Vec<usize> = (0..self.lots.len()).collect();
            order.sort_by_key(|place| self.lots[*place].cycle.is_none());
            let mut taken = Vec::new();
            let mut due = price;
            for place in order {
                let lot = &mut self.lots[place];
                if lot.account == account && lot.can_be_spent(now) && due > 0 && lot.free > 0 {
                    let some = due.min(lot.free);
                    lot.free -= some;
                    due -= some;
                    taken.push((place, some));
                }
            }
            self.holds.insert((account, id), Hold { taken, completed: None });
        }
        Ok(Outcome::Held(self.split(&self.holds[&(account, id)])))
    }

    fn resolve(
        &mut self,
        now: Timestamp,
        account: AccountId,
        id: i64,
        is_completed: bool,
    ) -> Result<Outcome, Refusal> {
        let hold = self.holds.get_mut(&(account, id)).ok_or(Refusal::UnknownGeneration)?;
        let is_first = hold.completed.is_none();
        let is_completed = *hold.completed.get_or_insert(is_completed);
        let price = hold.taken.iter().map(|(_, some)| some).sum();
        if is_first {
            for (place, some) in &hold.taken {
                let lot = &mut self.lots[*place];
                if is_completed {
                    *self.spent.entry(account).or_default() += some;
                } else if lot.can_be_spent(now) {
                    lot.free += some;
                } else {
                    *self.expired.entry(account).or_default() += some;
                }
            }
        }
        Ok(Outcome::Resolved(Resolved {
            is_completed,
            is_first,
            tokens_spent: if is_completed { price } else { 0 },
            balance_tokens: self.spendable(account, now),
        }))
    }

    fn give(
        &mut self,
        account: AccountId,
        reason: Reason,
        source: i64,
        amount: i64,
        cycle: Option<(i64, Timestamp)>,
    ) -> Result<Outcome, Refusal> {
        if !(1..=1_000_000_000_000).contains(&amount) {
            return Err(Refusal::BadAmount);
        }
        if self.given.insert((account, reason, source)) {
            if cycle.is_some() {
                self.end_lots(account, |_| true);
            }
            self.lots.push(Lot { account, cycle, is_over: false, free: amount });
        }
        Ok(Outcome::Done)
    }

    /// Ends the account's lots whose cycle is one of those meant.
    fn end_lots(&mut self, account: AccountId, is_meant: impl Fn((i64, Timestamp)) -> bool) {
        for lot in self.lots.iter_mut().filter(|lot| lot.account == account) {
            if lot.cycle.is_some_and(&is_meant) {
                *self.expired.entry(account).or_default() += lot.free;
                lot.free = 0;
                lot.is_over = true;
            }
        }
    }

    fn split(&self, hold: &Hold) -> Split {
        let sum = |is_plan: bool| {
            let taken = hold.taken.iter().filter(|(place, _)| self.lots[*place].cycle.is_some() == is_plan);
            taken.map(|(_, some)| some).sum()
        };
        Split { plan_tokens: sum(true), permanent_tokens: sum(false) }
    }

    pub fn spendable(&self, account: AccountId, now: Timestamp) -> i64 {
        let lots = self.lots.iter().filter(|lot| lot.account == account && lot.can_be_spent(now));
        lots.map(|lot| lot.free).sum()
    }

    /// Tokens in no hold, of plans and permanent.
    pub fn available(&self, account: AccountId) -> (i64, i64) {
        let own = |is_plan: bool| {
            let lots =
                self.lots.iter().filter(|lot| lot.account == account && lot.cycle.is_some() == is_plan);
            lots.map(|lot| lot.free).sum()
        };
        (own(true), own(false))
    }

    /// Tokens in open holds, of plans and permanent.
    pub fn held(&self, account: AccountId) -> (i64, i64) {
        let open =
            self.holds.iter().filter(|((owner, _), hold)| *owner == account && hold.completed.is_none());
        open.map(|(_, hold)| self.split(hold)).fold((0, 0), |(plan, permanent), split| {
            (plan + split.plan_tokens, permanent + split.permanent_tokens)
        })
    }

    pub fn spent(&self, account: AccountId) -> i64 {
        self.spent.get(&account).copied().unwrap_or_default()
    }

    pub fn expired(&self, account: AccountId) -> i64 {
        self.expired.get(&account).copied().unwrap_or_default()
    }
}

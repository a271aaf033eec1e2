//! A second ledger, as plain as it can be: tokens lie in lots, and a hold remembers from which lots it took them.

mod admission;
mod credit;
mod operator;

use domain::{
    id::AccountId,
    ledger::{
        Command, Held, HoldRequest, MAX_AMOUNT_TOKENS, Outcome, Reason, Refusal, Resolution, Resolved, Split,
    },
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// Tokens that came together.
#[derive(Debug)]
struct Lot {
    account: AccountId,
    /// The cycle and its end; `None` for permanent tokens.
    cycle: Option<(i64, Timestamp)>,
    /// Whether it was swept or ended, or another cycle has begun.
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
    /// What came back of its charge.
    refunded: Option<Split>,
    price: i64,
    /// The key whose budget it counts against, and the month.
    key: Option<(i64, String)>,
}

/// An account's latest cycle.
#[derive(Debug)]
struct Current {
    id: i64,
    starts_at: Timestamp,
    ends_at: Timestamp,
    plan_until: Timestamp,
}

/// What has become of an account's tokens in all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    pub issued: i64,
    pub spent: i64,
    pub expired: i64,
    /// Taken back, debts included, less what was given back.
    pub adjusted: i64,
    /// What should have been taken and is not recovered yet.
    pub owed: i64,
}

/// All accounts' tokens.
#[derive(Debug)]
pub struct Model {
    accounts: BTreeSet<AccountId>,
    lots: Vec<Lot>,
    current: BTreeMap<AccountId, Current>,
    holds: BTreeMap<(AccountId, i64), Hold>,
    /// What was given and taken, and may not be again.
    done: BTreeSet<(AccountId, Reason, i64)>,
    /// When each account began a generation.
    begun: BTreeMap<AccountId, Vec<Timestamp>>,
    /// What was asked for under each name, and what it became.
    names: BTreeMap<(AccountId, String), ([u8; 32], i64)>,
    totals: BTreeMap<AccountId, Totals>,
}

impl Model {
    pub fn new(accounts: impl IntoIterator<Item = AccountId>) -> Self {
        Self {
            accounts: accounts.into_iter().collect(),
            lots: Vec::new(),
            current: BTreeMap::new(),
            holds: BTreeMap::new(),
            done: BTreeSet::new(),
            begun: BTreeMap::new(),
            names: BTreeMap::new(),
            totals: BTreeMap::new(),
        }
    }

    pub fn run(&mut self, now: Timestamp, command: &Command<()>) -> Result<Outcome, Refusal> {
        let account = command.account_id();
        if !self.accounts.contains(&account) {
            return Err(Refusal::UnknownAccount);
        }
        match command {
            Command::Hold(request) => self.hold(now, request),
            Command::Resolve(ended) => {
                let is_completed = matches!(ended.resolution, Resolution::Completed(()));
                self.resolve(now, account, ended.generation_id.0, is_completed)
            }
            Command::Grant { grant_id, reason, amount_tokens, .. } => {
                self.grant(account, *reason, grant_id.0, *amount_tokens)
            }
            Command::OpenCycle(open) => self.open_cycle(account, open),
            Command::Expire { cycle_id, .. } => {
                self.expire(now, account, cycle_id.0);
                Ok(Outcome::Done)
            }
            Command::KeepPlan { cycle_id, plan_until, .. } => {
                if let Some(cycle) = self.current.get_mut(&account).filter(|cycle| cycle.id == cycle_id.0) {
                    cycle.plan_until = cycle.ends_at.max(*plan_until);
                }
                Ok(Outcome::Done)
            }
            Command::EndCycle { cycle_id, .. } => {
                if self.current.get(&account).is_some_and(|cycle| cycle.id == cycle_id.0) {
                    self.end_lots(account);
                    self.current.remove(&account);
                }
                Ok(Outcome::Done)
            }
            Command::TakeBack(take) => self.take_back(take),
            Command::GiveBack(give) => self.give_back(now, give),
            Command::Take { source_id, amount_tokens, .. } => {
                self.take_for_good(account, *source_id, *amount_tokens)
            }
            Command::RefundCharge { generation_id, .. } => self.refund_charge(now, account, generation_id.0),
        }
    }

    fn hold(&mut self, now: Timestamp, request: &HoldRequest) -> Result<Outcome, Refusal> {
        let (account, id, price) = (request.account_id, request.generation_id.0, request.price_tokens);
        if !(1..=MAX_AMOUNT_TOKENS).contains(&price) {
            return Err(Refusal::BadAmount);
        }
        if !self.holds.contains_key(&(account, id)) {
            if let Some(earlier) = self.earlier(request)? {
                return Ok(Outcome::Bound(earlier));
            }
            self.admit(now, request)?;
            let available = self.spendable(account, now);
            if available < price {
                return Err(Refusal::InsufficientTokens {
                    required_tokens: price,
                    available_tokens: available,
                });
            }
            let (taken, key) = (self.take(now, account, price), self.counted(now, request));
            self.holds.insert((account, id), Hold { taken, completed: None, refunded: None, price, key });
            self.begin(now, request);
        }
        Ok(Outcome::Held(Held {
            split: self.split(&self.holds[&(account, id)]),
            balance_tokens: self.spendable(account, now),
            rate: self.rate(account),
        }))
    }

    /// Lots of plans first; among equals the older one.
    fn take(&mut self, now: Timestamp, account: AccountId, price: i64) -> Vec<(usize, i64)> {
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
        taken
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
                    self.totals.entry(account).or_default().spent += some;
                } else if lot.can_be_spent(now) {
                    lot.free += some;
                } else {
                    self.totals.entry(account).or_default().expired += some;
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

    pub fn totals(&self, account: AccountId) -> Totals {
        self.totals.get(&account).cloned().unwrap_or_default()
    }

    /// Whether the account counts as on its cycle's plan.
    pub fn has_plan(&self, account: AccountId, now: Timestamp) -> bool {
        self.current.get(&account).is_some_and(|cycle| now < cycle.plan_until)
    }
}

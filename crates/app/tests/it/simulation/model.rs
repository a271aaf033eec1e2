//! What must be true, kept in memory. Written from the promises, the contract and `docs/billing.md`, and from nothing that
//! stands in the code which is tried.
//!
//! The model does not foresee when something happens that may happen now or later, such as whether a process had
//! committed when it died. It sees what has changed, asks whether that may have come of what was done, works out by itself
//! how many tokens that must have moved, and holds from then on to it.

mod billing;
mod generations;
mod lots;
pub mod prices;
mod tokens;

pub use generations::{Foreseen, Generation, Name, State};

use super::{
    process::World,
    rows::{Row, Seen},
};
use billing::Books;
use domain::time::Timestamp;
use lots::Lots;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;
/// For how long a plan is kept whose renewal is not paid.
const GRACE_MS: i64 = 7 * DAY_MS;

/// What is being done, and so what may change.
#[derive(Clone, Default)]
pub struct Doing {
    /// Whose account it is about.
    pub account: i64,
    /// A generation may begin: of what, and under which name.
    pub begins: Option<(usize, Option<(String, String)>)>,
    /// A generation may be given up at its owner's wish.
    pub cancels: Option<i64>,
    /// Ended cycles are swept, and overdue holds given back.
    pub recovers: bool,
    /// Dead processes have been found by now.
    pub finds_dead: bool,
    /// Jobs are asked after.
    pub polls: bool,
    /// What is due in billing is done.
    pub bills: bool,
    /// The process ends in order.
    pub stops: bool,
    /// Something is ordered: its kind and its slug.
    pub orders: Option<(&'static str, String)>,
    /// What is wanted of a subscription: whether it ends, and what it becomes.
    pub wishes: Option<(bool, Option<String>)>,
    /// A payment is to be given back.
    pub refunds: Option<i64>,
    /// Money may be heard of: come, or gone.
    pub hears: bool,
    /// Tokens are given, or taken.
    pub gives: Option<i64>,
    pub takes: Option<i64>,
    /// A charge is to be given back.
    pub uncharges: Option<i64>,
    /// An account is opened on that plan, with so many tokens on top.
    pub opens: Option<(String, i64)>,
    /// Since when, where it takes its time.
    pub from_ms: i64,
    /// What was asked for was done.
    pub is_done: bool,
    /// The process died in the middle of it.
    pub died: bool,
}

impl fmt::Debug for Doing {
    /// What it says, and nothing of the rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Doing");
        told.field("account", &self.account);
        for (name, is) in [
            ("recovers", self.recovers),
            ("finds_dead", self.finds_dead),
            ("polls", self.polls),
            ("bills", self.bills),
            ("stops", self.stops),
            ("hears", self.hears),
            ("is_done", self.is_done),
            ("died", self.died),
        ] {
            if is {
                told.field(name, &is);
            }
        }
        let said: [(&str, &dyn fmt::Debug, bool); 9] = [
            ("begins", &self.begins, self.begins.is_some()),
            ("cancels", &self.cancels, self.cancels.is_some()),
            ("orders", &self.orders, self.orders.is_some()),
            ("wishes", &self.wishes, self.wishes.is_some()),
            ("refunds", &self.refunds, self.refunds.is_some()),
            ("gives", &self.gives, self.gives.is_some()),
            ("takes", &self.takes, self.takes.is_some()),
            ("uncharges", &self.uncharges, self.uncharges.is_some()),
            ("opens", &self.opens, self.opens.is_some()),
        ];
        for (name, value, _) in said.into_iter().filter(|(.., is_said)| *is_said) {
            told.field(name, value);
        }
        told.finish()
    }
}

impl Doing {
    /// Whether billing may change.
    pub fn moves_money(&self) -> bool {
        self.orders.is_some() || self.wishes.is_some() || self.refunds.is_some() || self.hears || self.bills
    }
}

/// A plan's cycle.
#[derive(Clone, Debug)]
pub struct Cycle {
    pub id: i64,
    pub plan: String,
    pub starts_ms: i64,
    pub ends_ms: i64,
    pub plan_until_ms: i64,
    pub free: i64,
    /// The subscription whose it is.
    pub subscription: Option<i64>,
}

/// A movement of tokens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub reason: String,
    pub source: i64,
    pub debit: String,
    pub credit: String,
    pub amount: i64,
}

/// An account.
#[derive(Debug, Default)]
pub struct Account {
    pub id: i64,
    pub key_id: i64,
    pub permanent: Lots,
    pub owed: i64,
    pub cycle: Option<Cycle>,
    /// When the window began, and what was begun in it: of an hour, of a day.
    pub hour: (i64, i64),
    pub day: (i64, i64),
    pub generations: BTreeMap<i64, Generation>,
    pub names: BTreeMap<String, Name>,
    pub books: Books,
    /// Everything that was entered, in sums by reason and legs.
    sums: BTreeMap<(String, String, String), i64>,
    /// What is to be entered at this instant.
    due: Vec<Entry>,
}

/// All accounts that are looked after, and what is known of processes.
#[derive(Debug, Default)]
pub struct Model {
    pub accounts: BTreeMap<i64, Account>,
    /// Counts processes.
    pub process: u32,
    /// The newest generation that was seen.
    pub newest: i64,
    /// When jobs were asked after, and the time before.
    pub polled_ms: (i64, i64),
    /// When a process died last.
    pub died_ms: i64,
}

impl Account {
    /// One that has nothing yet.
    pub fn new(id: i64, key_id: i64) -> Self {
        Self { id, key_id, ..Self::default() }
    }
}

impl Model {
    /// Generations that have not ended.
    pub fn open(&self) -> BTreeSet<i64> {
        let all = self.accounts.values().flat_map(|account| &account.generations);
        all.filter(|(_, generation)| generation.state == State::Open).map(|(id, _)| *id).collect()
    }

    /// Takes in what is seen after something was done, and says what is wrong with it.
    pub fn absorb(&mut self, now_ms: i64, doing: &Doing, seen: &Seen, world: &World) -> Vec<String> {
        let mut wrong = Vec::new();
        if doing.polls {
            self.polled_ms = (now_ms, self.polled_ms.0);
        }
        if doing.died {
            self.died_ms = now_ms;
        }
        let at = At {
            now_ms,
            doing,
            world,
            process: self.process,
            polled_before_ms: self.polled_ms.1,
            died_ms: self.died_ms,
        };
        for account in self.accounts.values_mut() {
            let id = account.id;
            let own = |rows: &[Row]| -> Vec<Row> {
                rows.iter().filter(|row| row.number("account_id") == id).cloned().collect()
            };
            let (generations, entries) = (own(&seen.generations), own(&seen.entries));
            let entries: Vec<Entry> = entries.iter().map(Entry::of).collect();
            let mut found = Vec::new();
            account.absorb_generations(&at, &generations, &mut found);
            if let Some(billing) = &seen.billing {
                let (payments, subscriptions, refunds) =
                    (own(&billing.payments), own(&billing.subscriptions), own(&billing.refunds));
                account.absorb_billing(&at, &entries, (&payments, &subscriptions, &refunds), &mut found);
            } else {
                account.absorb_tokens(&at, &entries, &mut found);
            }
            let wallet = own(&seen.wallets);
            match wallet.first() {
                Some(wallet) => account.compare(&at, entries, wallet, &mut found),
                None => found.push("there is no wallet".to_owned()),
            }
            if !doing.died {
                account.demand(&at, &mut found);
            }
            wrong.extend(found.into_iter().map(|what| format!("account {}: {what}", account.id)));
        }
        let newest = seen.generations.iter().map(|row| row.number("id")).max();
        self.newest = self.newest.max(newest.unwrap_or_default());
        wrong
    }
}

/// What is known of the moment at which something is seen.
pub struct At<'a> {
    pub now_ms: i64,
    pub doing: &'a Doing,
    pub world: &'a World,
    pub process: u32,
    /// When jobs were asked after before this.
    pub polled_before_ms: i64,
    pub died_ms: i64,
}

impl Entry {
    fn of(row: &Row) -> Self {
        Self {
            reason: row.text("reason").to_owned(),
            source: row.number("source_id"),
            debit: row.text("debit").to_owned(),
            credit: row.text("credit").to_owned(),
            amount: row.number("amount_tokens"),
        }
    }
}

/// So many calendar months later, the last day where a month is too short.
pub fn months_later(at_ms: i64, months: i64) -> i64 {
    let at = Timestamp::from_unix_ms(at_ms);
    at.plus_months(u32::try_from(months).unwrap()).unwrap().unix_ms()
}

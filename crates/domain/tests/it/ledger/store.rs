//! What storage does with a book, without a database.

use domain::{
    id::{AccountId, GenerationId},
    ledger::{Book, Command, Entry, Leg, Outcome, Reason, Refusal, Resolution, StoredHold, Wallet},
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    wallets: BTreeMap<AccountId, Wallet>,
    holds: BTreeMap<(AccountId, GenerationId), StoredHold>,
    pub entries: Vec<Entry>,
}

impl Store {
    pub fn new(accounts: impl IntoIterator<Item = AccountId>) -> Self {
        let wallets = accounts.into_iter().map(|account| (account, Wallet::empty(account))).collect();
        Self { wallets, holds: BTreeMap::new(), entries: Vec::new() }
    }

    pub fn wallet(&self, account_id: AccountId) -> &Wallet {
        &self.wallets[&account_id]
    }

    pub fn wallet_mut(&mut self, account_id: AccountId) -> &mut Wallet {
        self.wallets.get_mut(&account_id).unwrap()
    }

    pub fn hold(&self, account_id: AccountId, generation_id: GenerationId) -> Option<&StoredHold> {
        self.holds.get(&(account_id, generation_id))
    }

    /// Carries out a batch and writes what it changed.
    pub fn run(&mut self, now: Timestamp, commands: Vec<Command<()>>) -> Vec<Result<Outcome, Refusal>> {
        let is_source =
            |entry: &&Entry| matches!(entry.reason, Reason::Allowance | Reason::Starter | Reason::Grant);
        let sources = self.entries.iter().filter(is_source).map(|e| (e.account_id, e.reason, e.source_id));
        let mut book = Book::new(now, self.wallets.values().cloned(), self.holds.clone(), sources.collect());
        let answers = commands.into_iter().map(|command| book.apply(command)).collect();

        let changes = book.into_changes();
        for change in changes.wallets {
            let stored = self.wallet_mut(change.before.account_id);
            assert_eq!(*stored, change.before);
            *stored = change.after;
        }
        for hold in changes.holds {
            let key = (hold.request.account_id, hold.request.generation_id);
            assert_eq!(hold.split.plan_tokens + hold.split.permanent_tokens, hold.request.price_tokens);
            assert_eq!(
                hold.cycle_id.is_some(),
                hold.split.plan_tokens > 0,
                "plan tokens have a cycle: {hold:?}"
            );
            let stored = StoredHold { split: hold.split, cycle_id: hold.cycle_id, completed: None };
            assert_eq!(self.holds.insert(key, stored), None, "a hold is taken once");
        }
        for ended in changes.resolutions {
            let hold = self.holds.get_mut(&(ended.account_id, ended.generation_id)).unwrap();
            let completed = matches!(ended.resolution, Resolution::Completed(()));
            assert_eq!(hold.completed.replace(completed), None, "a hold ends once");
        }
        let allowances = changes.entries.iter().filter(|entry| entry.reason == Reason::Allowance);
        let started = changes.cycles.iter().map(|open| (open.account_id, open.cycle.id.0));
        assert!(
            allowances.map(|entry| (entry.account_id, entry.source_id)).eq(started),
            "a cycle brings its tokens"
        );
        self.entries.extend(changes.entries);
        self.check_keys();
        answers
    }

    pub fn run_one(&mut self, now: Timestamp, command: Command<()>) -> Result<Outcome, Refusal> {
        self.run(now, vec![command]).remove(0)
    }

    /// The sum of all entries that arrive at `leg` less those that leave it.
    pub fn balance(&self, account_id: AccountId, leg: Leg) -> i64 {
        let own = self.entries.iter().filter(|entry| entry.account_id == account_id);
        own.map(|entry| match (entry.credit == leg, entry.debit == leg) {
            (true, false) => entry.amount_tokens,
            (false, true) => -entry.amount_tokens,
            _ => 0,
        })
        .sum()
    }

    /// The database's key on entries, which refuses a second charge and a second allowance.
    fn check_keys(&self) {
        let mut keys = BTreeSet::new();
        for entry in &self.entries {
            assert!(entry.amount_tokens > 0 && entry.debit != entry.credit, "{entry:?}");
            assert!(keys.insert((entry.account_id, entry.reason, entry.source_id, entry.debit)), "{entry:?}");
        }
    }
}

//! What storage does with a book, without a database.

use domain::{
    id::{AccountId, GenerationId, KeyId},
    ledger::{
        Book, Bound, Command, Entry, KeyUse, Leg, Loaded, Outcome, Reason, Refusal, Resolution, StoredHold,
        Wallet,
    },
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    wallets: BTreeMap<AccountId, Wallet>,
    holds: BTreeMap<(AccountId, GenerationId), StoredHold>,
    pub entries: Vec<Entry>,
    pub key_uses: BTreeMap<(AccountId, KeyId), KeyUse>,
    bound: BTreeMap<(AccountId, String), Bound>,
}

impl Store {
    pub fn new(accounts: impl IntoIterator<Item = AccountId>) -> Self {
        let wallets = accounts.into_iter().map(|account| (account, Wallet::empty(account))).collect();
        Self {
            wallets,
            holds: BTreeMap::new(),
            entries: Vec::new(),
            key_uses: BTreeMap::new(),
            bound: BTreeMap::new(),
        }
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
        let sources = self.entries.iter().map(|e| (e.account_id, e.reason, e.source_id));
        let loaded = Loaded {
            wallets: self.wallets.values().cloned().collect(),
            holds: self.holds.clone(),
            sources: sources.collect(),
            key_uses: self.key_uses.clone(),
            bound: self.bound.clone(),
            allowances: BTreeMap::new(),
        };
        let mut book = Book::new(now, loaded);
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
            if let Some(binding) = &hold.request.binding {
                let name = (hold.request.account_id, binding.key.clone());
                let generation_id = Some(hold.request.generation_id);
                let bound = Bound { fingerprint: binding.fingerprint, generation_id };
                assert_eq!(self.bound.insert(name, bound), None, "a name is bound once");
            }
            let key_month = hold.request.key_id.zip(hold.key_month);
            let stored = StoredHold {
                split: hold.split,
                cycle_id: hold.cycle_id,
                completed: None,
                key_month,
                runs_as_job: false,
                is_called_back: false,
                refunded_tokens: None,
            };
            assert_eq!(self.holds.insert(key, stored), None, "a hold is taken once");
        }
        for settled in changes.resolutions {
            let ended = settled.ended;
            let hold = self.holds.get_mut(&(ended.account_id, ended.generation_id)).unwrap();
            let completed = matches!(ended.resolution, Resolution::Completed(()));
            assert_eq!(hold.completed.replace(completed), None, "a hold ends once");
        }
        for refund in changes.refunds {
            let hold = self.holds.get_mut(&(refund.account_id, refund.generation_id)).unwrap();
            assert_eq!(hold.completed, Some(true), "what is given back was charged");
            assert_eq!(hold.refunded_tokens.replace(refund.tokens), None, "a charge is given back once");
        }
        for change in changes.key_uses {
            self.key_uses.insert((change.account_id, change.key_id), change.after);
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

    /// The database's key on entries, which refuses a second charge, allowance or refund.
    fn check_keys(&self) {
        let mut keys = BTreeSet::new();
        for entry in &self.entries {
            assert!(entry.amount_tokens > 0 && entry.debit != entry.credit, "{entry:?}");
            assert!(keys.insert((entry.account_id, entry.reason, entry.source_id, entry.debit)), "{entry:?}");
        }
    }
}

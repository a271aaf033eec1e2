//! Commands of the ledger, applied one after the other to the state that a batch touches.

mod credit;
mod hold;
mod refund;
mod tell;

use super::{
    Bound, Command, EndedHold, Entry, HoldRequest, KeyUse, KeyUseChange, Leg, MAX_AMOUNT_TOKENS, OpenCycle,
    Outcome, Reason, Refusal, Split, Wallet,
};
use crate::{
    id::{AccountId, CycleId, GenerationId, KeyId},
    time::{Month, Timestamp},
    webhook::Notice,
};
use std::collections::{BTreeMap, BTreeSet};

/// A hold as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHold {
    /// What it took.
    pub split: Split,
    /// The cycle of its plan tokens.
    pub cycle_id: Option<CycleId>,
    /// `None` while pending, else whether it completed.
    pub completed: Option<bool>,
    /// The key whose budget it counts against, and in which month.
    pub key_month: Option<(KeyId, Month)>,
    /// Whether its generation runs as a job; said only of one that is to be ended as lost.
    pub runs_as_job: bool,
    /// Whether word of its end goes to an address of its own.
    pub is_called_back: bool,
    /// NeuralBox tokens that came back after it had completed; `None` while none of its charge has been given back.
    pub refunded_tokens: Option<i64>,
}

/// A hold to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHold {
    /// As asked.
    pub request: HoldRequest,
    /// What it takes.
    pub split: Split,
    /// The cycle of its plan tokens.
    pub cycle_id: Option<CycleId>,
    /// The month of its key's budget that it counts in, where the key has one.
    pub key_month: Option<Month>,
    /// What the account can spend besides.
    pub balance_tokens: i64,
}

impl NewHold {
    /// As the database has it once it is written.
    pub fn stored(&self) -> StoredHold {
        StoredHold {
            split: self.split,
            cycle_id: self.cycle_id,
            completed: None,
            key_month: self.request.key_id.zip(self.key_month),
            runs_as_job: false,
            is_called_back: self.request.webhook_url.is_some(),
            refunded_tokens: None,
        }
    }
}

/// A hold that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledHold<Done> {
    /// As told.
    pub ended: EndedHold<Done>,
    /// What the account can spend then.
    pub balance_tokens: i64,
}

/// A charge that has gone back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargeRefund {
    /// To whom.
    pub account_id: AccountId,
    /// Of which generation.
    pub generation_id: GenerationId,
    /// NeuralBox tokens that came back; above 0.
    pub tokens: i64,
}

/// A wallet before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletChange {
    /// As loaded.
    pub before: Wallet,
    /// As it must become.
    pub after: Wallet,
}

/// What a batch changed: to be written in one transaction.
#[derive(Debug)]
pub struct Changes<Done> {
    /// Wallets that changed, in account order.
    pub wallets: Vec<WalletChange>,
    /// Holds taken.
    pub holds: Vec<NewHold>,
    /// Holds ended.
    pub resolutions: Vec<SettledHold<Done>>,
    /// Charges given back.
    pub refunds: Vec<ChargeRefund>,
    /// Cycles started, as asked.
    pub cycles: Vec<OpenCycle>,
    /// Movements.
    pub entries: Vec<Entry>,
    /// What keys with a budget have used, of those for which that changed.
    pub key_uses: Vec<KeyUseChange>,
    /// What is to be told, each once.
    pub notices: Vec<Notice>,
}

/// What a batch of commands is decided on.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The wallets of every account that a command names.
    pub wallets: Vec<Wallet>,
    /// The holds that are to be ended, or whose charges are to be given back.
    pub holds: BTreeMap<(AccountId, GenerationId), StoredHold>,
    /// The sources of what is given and taken that stand in the entries already.
    pub sources: BTreeSet<(AccountId, Reason, i64)>,
    /// What keys have used that are to hold under a budget, or whose holds are to end.
    pub key_uses: BTreeMap<(AccountId, KeyId), KeyUse>,
    /// What stands under the names that requests bear.
    pub bound: BTreeMap<(AccountId, String), Bound>,
    /// NeuralBox tokens that cycles brought, of those that run for accounts that hear of their generations.
    pub allowances: BTreeMap<CycleId, i64>,
}

/// The part of the ledger that a batch of commands touches.
#[derive(Debug)]
pub struct Book<Done> {
    now: Timestamp,
    loaded: BTreeMap<AccountId, Wallet>,
    wallets: BTreeMap<AccountId, Wallet>,
    holds: BTreeMap<(AccountId, GenerationId), StoredHold>,
    sources: BTreeSet<(AccountId, Reason, i64)>,
    key_uses: BTreeMap<(AccountId, KeyId), KeyUse>,
    used_keys: BTreeSet<(AccountId, KeyId)>,
    bound: BTreeMap<(AccountId, String), Bound>,
    allowances: BTreeMap<CycleId, i64>,
    notices: Vec<Notice>,
    new_holds: Vec<NewHold>,
    resolutions: Vec<SettledHold<Done>>,
    refunds: Vec<ChargeRefund>,
    cycles: Vec<OpenCycle>,
    entries: Vec<Entry>,
}

impl<Done> Book<Done> {
    /// A book of what was loaded.
    pub fn new(now: Timestamp, loaded: Loaded) -> Self {
        let Loaded { wallets, holds, sources, key_uses, bound, allowances } = loaded;
        let loaded: BTreeMap<_, _> = wallets.into_iter().map(|wallet| (wallet.account_id, wallet)).collect();
        Self {
            now,
            wallets: loaded.clone(),
            loaded,
            holds,
            sources,
            key_uses,
            used_keys: BTreeSet::new(),
            bound,
            allowances,
            notices: Vec::new(),
            new_holds: Vec::new(),
            resolutions: Vec::new(),
            refunds: Vec::new(),
            cycles: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Carries out one command.
    ///
    /// # Errors
    /// A [`Refusal`]; the book is as before.
    pub fn apply(&mut self, command: Command<Done>) -> Result<Outcome, Refusal> {
        let account_id = command.account_id();
        let wallet = self.wallets.get(&account_id).cloned().ok_or(Refusal::UnknownAccount)?;
        match command {
            Command::Hold(request) => self.hold(wallet, request),
            Command::Resolve(ended) => self.resolve(wallet, ended),
            Command::Grant { grant_id, reason, amount_tokens, .. } => {
                self.grant(wallet, grant_id, reason, amount_tokens)
            }
            Command::OpenCycle(open) => self.open_cycle(wallet, open),
            Command::Expire { cycle_id, .. } => Ok(self.expire(wallet, cycle_id)),
            Command::KeepPlan { cycle_id, plan_until, .. } => {
                Ok(self.keep_plan(wallet, cycle_id, plan_until))
            }
            Command::EndCycle { cycle_id, .. } => Ok(self.end_cycle(wallet, cycle_id)),
            Command::TakeBack(take) => self.take_back(wallet, take),
            Command::GiveBack(give) => self.give_back(wallet, give),
            Command::Take { source_id, amount_tokens, .. } => self.take(wallet, source_id, amount_tokens),
            Command::RefundCharge { generation_id, .. } => self.refund_charge(wallet, generation_id),
        }
    }

    /// What has to be written.
    pub fn into_changes(self) -> Changes<Done> {
        let before_and_after = self.loaded.into_values().zip(self.wallets.into_values());
        let changed = before_and_after.filter(|(before, after)| before != after);
        let used = self.used_keys.into_iter().filter_map(|key| {
            let (account_id, key_id) = key;
            self.key_uses.get(&key).map(|after| KeyUseChange { account_id, key_id, after: *after })
        });
        let key_uses = used.collect();
        Changes {
            wallets: changed.map(|(before, after)| WalletChange { before, after }).collect(),
            holds: self.new_holds,
            resolutions: self.resolutions,
            refunds: self.refunds,
            cycles: self.cycles,
            entries: self.entries,
            key_uses,
            notices: self.notices,
        }
    }

    /// Writes down a movement, unless it moves nothing.
    fn enter(
        &mut self,
        wallet: &Wallet,
        reason: Reason,
        source_id: i64,
        legs: (Leg, Leg),
        amount_tokens: i64,
    ) {
        let (debit, credit) = legs;
        if amount_tokens > 0 {
            let (account_id, created_at) = (wallet.account_id, self.now);
            self.entries.push(Entry {
                account_id,
                reason,
                source_id,
                debit,
                credit,
                amount_tokens,
                created_at,
            });
        }
    }

    fn put(&mut self, wallet: Wallet) {
        self.wallets.insert(wallet.account_id, wallet);
    }
}

/// An amount that moves must lie in the ledger's range.
fn check_amount(amount_tokens: i64) -> Result<(), Refusal> {
    if (1..=MAX_AMOUNT_TOKENS).contains(&amount_tokens) { Ok(()) } else { Err(Refusal::BadAmount) }
}

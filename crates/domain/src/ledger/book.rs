//! Commands of the ledger, applied one after the other to the state that a batch touches.

use super::{Cycle, Entry, Leg, MAX_AMOUNT_TOKENS, Reason, Split, Wallet};
use crate::{
    id::{AccountId, CycleId, GenerationId, GrantId, KeyId, NodeId},
    time::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// Asks for tokens to be set aside for one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRequest {
    /// Who pays.
    pub account_id: AccountId,
    /// The generation, whose row is the hold.
    pub generation_id: GenerationId,
    /// Its price in NeuralBox tokens; above 0.
    pub price_tokens: i64,
    /// Which model.
    pub model_slug: String,
    /// With which key.
    pub key_id: KeyId,
    /// Which process works on it.
    pub node_id: NodeId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The instant after which nobody can be working on it any more.
    pub deadline_at: Timestamp,
}

/// Why a generation failed, for its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error code of the API.
    pub error_code: String,
    /// For the client.
    pub message: String,
    /// A JSON object for the client, where there is more to say.
    pub details: Option<String>,
}

/// What becomes of a hold. `Done` is what a completed generation leaves besides its charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution<Done> {
    /// The generation succeeded: the hold is spent.
    Completed(Done),
    /// The generation failed: the hold goes back.
    Failed(Failure),
}

/// A hold and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedHold<Done> {
    /// Whose.
    pub account_id: AccountId,
    /// Which.
    pub generation_id: GenerationId,
    /// When the generation ended.
    pub ended_at: Timestamp,
    /// How.
    pub resolution: Resolution<Done>,
}

/// Starts a cycle, which ends the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCycle {
    /// Whose.
    pub account_id: AccountId,
    /// The new cycle.
    pub cycle: Cycle,
    /// NeuralBox tokens that it brings.
    pub allowance_tokens: i64,
}

/// Something the ledger is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<Done> {
    /// Set tokens aside.
    Hold(HoldRequest),
    /// End a hold, either way.
    Resolve(EndedHold<Done>),
    /// Give permanent tokens.
    Grant {
        /// To whom.
        account_id: AccountId,
        /// The grant; a second one of the same id and reason changes nothing.
        grant_id: GrantId,
        /// Why.
        reason: Reason,
        /// How many NeuralBox tokens; above 0.
        amount_tokens: i64,
    },
    /// Start a cycle.
    OpenCycle(OpenCycle),
    /// Sweep the tokens of a cycle that has ended.
    Expire {
        /// Whose.
        account_id: AccountId,
        /// Which; another one, or one that still runs, is left alone.
        cycle_id: CycleId,
    },
}

impl<Done> Command<Done> {
    /// Whose wallet it touches.
    pub const fn account_id(&self) -> AccountId {
        match self {
            Self::Hold(request) => request.account_id,
            Self::OpenCycle(open) => open.account_id,
            Self::Resolve(ended) => ended.account_id,
            Self::Grant { account_id, .. } | Self::Expire { account_id, .. } => *account_id,
        }
    }
}

/// Why a command was not carried out. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The balance does not cover the price.
    #[error("the balance of {available_tokens} tokens does not cover {required_tokens}")]
    InsufficientTokens {
        /// The price.
        required_tokens: i64,
        /// What can be spent now.
        available_tokens: i64,
    },
    /// There is no such account.
    #[error("no such account")]
    UnknownAccount,
    /// There is no such generation.
    #[error("no such generation")]
    UnknownGeneration,
    /// An amount is not above 0, or too large.
    #[error("an amount must lie in 1..{MAX_AMOUNT_TOKENS}")]
    BadAmount,
    /// Held tokens that the wallet does not have: the ledger is damaged, and is left as it is.
    #[error("the wallet does not agree with its holds")]
    Inconsistent,
}

/// What became of a hold, now or at an earlier time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Whether it is spent.
    pub is_completed: bool,
    /// Whether this command did it; a repeat changes nothing.
    pub is_first: bool,
    /// Tokens charged: the price, or 0.
    pub tokens_spent: i64,
    /// What the account can spend now.
    pub balance_tokens: i64,
}

/// The ledger's answer to a command that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Tokens are set aside.
    Held(Split),
    /// A hold has ended.
    Resolved(Resolved),
    /// Nothing more to say: done, or done before.
    Done,
}

/// A hold as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHold {
    /// What it took.
    pub split: Split,
    /// The cycle of its plan tokens.
    pub cycle_id: Option<CycleId>,
    /// `None` while pending, else whether it completed.
    pub completed: Option<bool>,
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
    pub resolutions: Vec<EndedHold<Done>>,
    /// Cycles started, as asked.
    pub cycles: Vec<OpenCycle>,
    /// Movements.
    pub entries: Vec<Entry>,
}

/// The part of the ledger that a batch of commands touches.
#[derive(Debug)]
pub struct Book<Done> {
    now: Timestamp,
    loaded: BTreeMap<AccountId, Wallet>,
    wallets: BTreeMap<AccountId, Wallet>,
    holds: BTreeMap<(AccountId, GenerationId), StoredHold>,
    sources: BTreeSet<(AccountId, Reason, i64)>,
    new_holds: Vec<NewHold>,
    resolutions: Vec<EndedHold<Done>>,
    cycles: Vec<OpenCycle>,
    entries: Vec<Entry>,
}

impl<Done> Book<Done> {
    /// A book of what was loaded: the wallets of every account that a command names, the holds that are to be ended,
    /// and the sources of grants and allowances that stand in the entries already.
    pub fn new(
        now: Timestamp,
        wallets: impl IntoIterator<Item = Wallet>,
        holds: BTreeMap<(AccountId, GenerationId), StoredHold>,
        sources: BTreeSet<(AccountId, Reason, i64)>,
    ) -> Self {
        let loaded: BTreeMap<_, _> = wallets.into_iter().map(|wallet| (wallet.account_id, wallet)).collect();
        Self {
            now,
            wallets: loaded.clone(),
            loaded,
            holds,
            sources,
            new_holds: Vec::new(),
            resolutions: Vec::new(),
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
            Command::Expire { cycle_id, .. } => self.expire(wallet, cycle_id),
        }
    }

    /// What has to be written.
    pub fn into_changes(self) -> Changes<Done> {
        let before_and_after = self.loaded.into_values().zip(self.wallets.into_values());
        let changed = before_and_after.filter(|(before, after)| before != after);
        Changes {
            wallets: changed.map(|(before, after)| WalletChange { before, after }).collect(),
            holds: self.new_holds,
            resolutions: self.resolutions,
            cycles: self.cycles,
            entries: self.entries,
        }
    }

    fn hold(&mut self, wallet: Wallet, request: HoldRequest) -> Result<Outcome, Refusal> {
        check_amount(request.price_tokens)?;
        let key = (wallet.account_id, request.generation_id);
        if let Some(hold) = self.holds.get(&key) {
            return Ok(Outcome::Held(hold.split));
        }
        let split = wallet.split(request.price_tokens, self.now).ok_or(Refusal::InsufficientTokens {
            required_tokens: request.price_tokens,
            available_tokens: wallet.spendable_tokens(self.now),
        })?;
        let after = wallet.hold(split).ok_or(Refusal::Inconsistent)?;
        let cycle_id = wallet.cycle.as_ref().filter(|_| split.plan_tokens > 0).map(|cycle| cycle.id);
        self.holds.insert(key, StoredHold { split, cycle_id, completed: None });
        self.new_holds.push(NewHold { request, split, cycle_id });
        self.put(after);
        Ok(Outcome::Held(split))
    }

    fn resolve(&mut self, wallet: Wallet, ended: EndedHold<Done>) -> Result<Outcome, Refusal> {
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
        }
        self.holds.insert(key, StoredHold { completed: Some(is_completed), ..hold });
        self.resolutions.push(ended);
        self.put(after);
        Ok(outcome)
    }

    fn grant(
        &mut self,
        wallet: Wallet,
        grant_id: GrantId,
        reason: Reason,
        amount_tokens: i64,
    ) -> Result<Outcome, Refusal> {
        check_amount(amount_tokens)?;
        let permanent_available = wallet.permanent_available.checked_add(amount_tokens);
        let permanent_available = permanent_available.ok_or(Refusal::BadAmount)?;
        if self.sources.insert((wallet.account_id, reason, grant_id.0)) {
            self.enter(&wallet, reason, grant_id.0, (Leg::Issued, Leg::Permanent), amount_tokens);
            self.put(Wallet { permanent_available, ..wallet });
        }
        Ok(Outcome::Done)
    }

    fn open_cycle(&mut self, wallet: Wallet, open: OpenCycle) -> Result<Outcome, Refusal> {
        check_amount(open.allowance_tokens)?;
        if self.sources.insert((wallet.account_id, Reason::Allowance, open.cycle.id.0)) {
            self.expire_rest(&wallet);
            let legs = (Leg::Issued, Leg::Plan);
            self.enter(&wallet, Reason::Allowance, open.cycle.id.0, legs, open.allowance_tokens);
            self.put(Wallet {
                plan_available: open.allowance_tokens,
                cycle: Some(open.cycle.clone()),
                ..wallet
            });
            self.cycles.push(open);
        }
        Ok(Outcome::Done)
    }

    fn expire(&mut self, wallet: Wallet, cycle_id: CycleId) -> Result<Outcome, Refusal> {
        let has_ended = |cycle: &Cycle| cycle.id == cycle_id && cycle.ends_at <= self.now;
        if wallet.cycle.as_ref().is_some_and(has_ended) {
            self.expire_rest(&wallet);
            self.put(Wallet { plan_available: 0, cycle: None, ..wallet });
        }
        Ok(Outcome::Done)
    }

    /// Enters the end of what is left of the wallet's plan tokens.
    fn expire_rest(&mut self, wallet: &Wallet) {
        if let Some(cycle) = &wallet.cycle {
            let legs = (Leg::Plan, Leg::Expired);
            self.enter(wallet, Reason::Expiry, cycle.id.0, legs, wallet.plan_available);
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

fn check_amount(amount_tokens: i64) -> Result<(), Refusal> {
    if (1..=MAX_AMOUNT_TOKENS).contains(&amount_tokens) { Ok(()) } else { Err(Refusal::BadAmount) }
}

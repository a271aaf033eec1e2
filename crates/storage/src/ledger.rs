//! The ledger: takes commands, answers each one, and is the only writer of balances.
//!
//! Commands go through one queue a process. Those that wait while a transaction is under way share the next one, so
//! many generations cost one commit.

mod admission;
mod batch;
mod ended;
mod known;
#[cfg(feature = "bench-no-ledger")]
mod nothing;
mod optimistic;
mod queue;
mod rows;
mod tell;
mod verify;
mod write;

pub(crate) use batch::run as run_in;
pub use ended::Listener;
pub(crate) use queue::conflict_backoff;
pub(crate) use rows::{close_wallet, insert_empty_wallet, wallet_from};
pub(crate) use tell::{lock_listens, write_listens};
pub use verify::{VerifyProblem, VerifyReport};

use crate::{Error, FileRecord, db::Db};
use backon::{BackoffBuilder, ExponentialBuilder};
use domain::{
    id::{AccountId, GenerationId},
    ledger::{
        Command, EndedHold, Failure, Held, HoldRequest, Outcome, RateWindows, Refusal, Resolution, Resolved,
        Split, Wallet,
    },
    port::Clock,
    time::Timestamp,
};
use ended::Listeners;
use queue::Queue;
use sea_orm::EntityTrait;
use std::{sync::Arc, time::Duration};

/// What a completed generation leaves besides its charge. It is carried through the queue, again where a transaction lost
/// against another, so what may be long is shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The words of the request, for its record.
    pub prompt: Option<Arc<str>>,
    /// The answer, where it is text.
    pub result_text: Option<Arc<str>>,
    /// The name of the answer, where it is a file; one of `files`.
    pub result_file: Option<String>,
    /// The name of a small picture of it; one of `files`.
    pub thumbnail_file: Option<String>,
    /// Its files, which were entered for a short while and stored: from now on they are kept until they expire by these.
    pub files: Vec<FileRecord>,
    /// When words and answer are forgotten; `None` when they are kept.
    pub expires_at: Option<Timestamp>,
    /// A JSON object: usage, the model that answered, and so on.
    pub result_metadata: String,
    /// What the vendor charges for it by the catalog's prices, in micro-dollars, where they are known.
    pub vendor_cost_micro_usd: Option<i64>,
}

/// Why the ledger did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It must not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The same was asked for before under the same name, and this is what came of it.
    #[error("generation {0} was begun by the same request")]
    Bound(GenerationId),
    /// It could not.
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Tokens set aside for one generation. It must be completed or released; whoever loses it leaves that to the worker.
#[must_use = "a hold must be completed or released"]
#[derive(Debug)]
pub struct Hold {
    account_id: AccountId,
    generation_id: GenerationId,
    held: Held,
}

impl Hold {
    /// The generation whose row it is.
    pub fn generation_id(&self) -> GenerationId {
        self.generation_id
    }

    /// Leaves it to a job that is kept in the database, and to whoever asks after that.
    pub fn leave_to_job(self) {}

    /// What it took from each bucket.
    pub fn split(&self) -> Split {
        self.held.split
    }

    /// What the account could spend besides, once it was taken.
    pub fn balance_tokens(&self) -> i64 {
        self.held.balance_tokens
    }

    /// What the account had begun of late, this included.
    pub fn rate(&self) -> RateWindows {
        self.held.rate
    }
}

/// The way to the ledger. Clones share it.
#[derive(Clone)]
pub struct Ledger {
    db: Db,
    queue: Queue,
    listeners: Listeners,
}

impl Ledger {
    pub(crate) fn start(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self { queue: Queue::start(db.clone(), clock), db, listeners: Listeners::default() }
    }

    /// Sets tokens aside. When this answers, the hold is committed; and on disk, where somebody may be told of it
    /// ([`HoldRequest::is_told`]).
    ///
    /// # Errors
    /// [`Refusal::InsufficientTokens`] when the balance does not cover the price, [`Refusal::OverKeyBudget`],
    /// [`Refusal::RateLimited`], [`Refusal::BoundOtherwise`], or [`LedgerError::Bound`]; nothing has changed then.
    /// [`Error::Unavailable`] when the database is away: no vendor may be called.
    pub async fn hold(&self, request: HoldRequest) -> Result<Hold, LedgerError> {
        let (account_id, generation_id) = (request.account_id, request.generation_id);
        match self.queue.run(Command::Hold(request)).await? {
            Outcome::Held(held) => Ok(Hold { account_id, generation_id, held }),
            Outcome::Bound(earlier) => Err(LedgerError::Bound(earlier)),
            other => Err(unexpected(&other)),
        }
    }

    /// Ends a hold: spends it, or gives it back. A repeat changes nothing and answers what happened the first time. While
    /// the database is away it keeps trying for half a minute.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] when the database stayed away: it may have happened or not.
    pub async fn resolve(
        &self,
        hold: Hold,
        resolution: Resolution<Completion>,
        ended_at: Timestamp,
    ) -> Result<Resolved, LedgerError> {
        let (account_id, generation_id) = (hold.account_id, hold.generation_id);
        self.end_hold(EndedHold { account_id, generation_id, ended_at, resolution }).await
    }

    /// Ends the hold of a generation that ran as a job. As [`Self::resolve`].
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub async fn resolve_job(&self, ended: EndedHold<Completion>) -> Result<Resolved, LedgerError> {
        self.end_hold(ended).await
    }

    /// Gives back the hold of a generation, whoever works on it. One that has ended meanwhile is left alone.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub async fn release(
        &self,
        account_id: AccountId,
        generation_id: GenerationId,
        failure: Failure,
        ended_at: Timestamp,
    ) -> Result<Resolved, LedgerError> {
        let resolution = Resolution::Failed(failure);
        self.end_hold(EndedHold { account_id, generation_id, ended_at, resolution }).await
    }

    /// Gives back the hold of a generation that nobody seems to work on any more. One that has ended meanwhile, or runs as a
    /// job by now, is left alone.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub async fn release_lost(
        &self,
        account_id: AccountId,
        generation_id: GenerationId,
        failure: Failure,
        ended_at: Timestamp,
    ) -> Result<Resolved, LedgerError> {
        let resolution = Resolution::Lost(failure);
        self.end_hold(EndedHold { account_id, generation_id, ended_at, resolution }).await
    }

    async fn end_hold(&self, ended: EndedHold<Completion>) -> Result<Resolved, LedgerError> {
        let trying = async {
            let mut delays = resolve_backoff().build();
            loop {
                match self.queue.run(Command::Resolve(ended.clone())).await {
                    Ok(Outcome::Resolved(resolved)) => {
                        self.listeners.tell(ended.generation_id);
                        return Ok(resolved);
                    }
                    Ok(other) => return Err(unexpected(&other)),
                    Err(LedgerError::Storage(Error::Unavailable(_) | Error::Overloaded)) => {
                        tokio::time::sleep(delays.next().unwrap_or(MAX_RESOLVE_PAUSE)).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let result = tokio::time::timeout(RESOLVE_PATIENCE, trying).await;
        result.unwrap_or_else(|_| Err(Error::OutcomeUnknown.into()))
    }

    /// Hears of it when this process ends the hold of `generation_id`.
    pub fn listen(&self, generation_id: GenerationId) -> Listener {
        self.listeners.listen(generation_id)
    }

    /// Carries out a command that is about no hold. A repeat changes nothing.
    ///
    /// # Errors
    /// A [`Refusal`], or the database's.
    pub async fn run(&self, command: Command<Completion>) -> Result<(), LedgerError> {
        self.queue.run(command).await.map(drop)
    }

    /// Whether commands are carried out at all.
    pub fn is_running(&self) -> bool {
        self.queue.is_running()
    }

    /// An account's tokens as they stand.
    ///
    /// # Errors
    /// [`Refusal::UnknownAccount`], or the database's.
    pub async fn wallet(&self, account_id: AccountId) -> Result<Wallet, LedgerError> {
        let row = crate::entity::wallet::Entity::find_by_id(account_id.0).one(self.db.reader()).await;
        let row = row.map_err(Error::from)?.ok_or(Refusal::UnknownAccount)?;
        Ok(wallet_from(row)?)
    }

    /// Replays every entry and compares: each wallet with its entries less its open holds, each generation with its
    /// charge. Sees one state of the database, which may be in use.
    ///
    /// # Errors
    /// The database's.
    pub async fn verify(&self) -> Result<VerifyReport, Error> {
        verify::run(&self.db).await
    }
}

/// How long ending a hold is tried while the database is away: long enough for one to restart.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(30);
const MAX_RESOLVE_PAUSE: Duration = Duration::from_secs(4);

fn resolve_backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(MAX_RESOLVE_PAUSE)
        .with_jitter()
}

fn unexpected(outcome: &Outcome) -> LedgerError {
    Error::BadRow(format!("the ledger answered {outcome:?}")).into()
}

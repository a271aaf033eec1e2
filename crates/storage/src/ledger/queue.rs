//! Commands that wait, and the task that carries them out.

use super::{Completion, LedgerError, batch, optimistic::Optimistic};
use crate::{Error, db::Db, error::Trouble};
use backon::{BackoffBuilder, ExponentialBuilder};
use domain::{
    ledger::{Command, Outcome, Refusal},
    port::Clock,
};
use sea_orm::DbErr;
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Commands that may wait; one more is refused as overload.
const QUEUE_LEN: usize = 4_096;
/// Holds among them. Fewer, so that under more load than there is room for, what is let in is answered as fast as ever, the
/// rest is refused at once, and what has begun can end. They are some 100 ms of work on SQLite, and half of that on PostgreSQL.
const WAITING_HOLDS: usize = 256;
/// Commands in one transaction, at most. Keeps a transaction, and the wait for it, short.
const BATCH_LEN: usize = 256;

type Answer = Result<Outcome, LedgerError>;

struct Waiting {
    command: Command<Completion>,
    answer: oneshot::Sender<Answer>,
    /// A hold's place among those that wait, left when it is carried out.
    _place: Option<OwnedSemaphorePermit>,
}

#[derive(Clone)]
pub(super) struct Queue {
    sender: mpsc::Sender<Waiting>,
    holds: Arc<Semaphore>,
}

impl Queue {
    /// Starts the task, which ends when the last clone of the queue is gone and the rest is done.
    pub(super) fn start(db: Db, clock: Arc<dyn Clock>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_LEN);
        let optimistic = Optimistic::new(db.clone());
        tokio::spawn(Worker { db, clock, optimistic }.work(receiver));
        Self { sender, holds: Arc::new(Semaphore::new(WAITING_HOLDS)) }
    }

    pub(super) fn is_running(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Has `command` carried out. Once it is in the queue it will be, even if nobody listens any more.
    pub(super) async fn run(&self, command: Command<Completion>) -> Answer {
        #[cfg(feature = "bench-no-ledger")]
        if let Some(outcome) = super::nothing::answer(&command) {
            return Ok(outcome);
        }
        let is_hold = matches!(command, Command::Hold(_));
        let place = is_hold.then(|| self.holds.clone().try_acquire_owned()).transpose();
        let place = place.map_err(|_| Error::Overloaded)?;
        let (answer, outcome) = oneshot::channel();
        self.sender.try_send(Waiting { command, answer, _place: place }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Error::LedgerStopped,
        })?;
        outcome.await.map_err(|_| Error::LedgerStopped)?
    }
}

/// Whoever carries out what waits.
struct Worker {
    db: Db,
    clock: Arc<dyn Clock>,
    optimistic: Optimistic,
}

impl Worker {
    async fn work(mut self, mut receiver: mpsc::Receiver<Waiting>) {
        let mut waiting = Vec::with_capacity(BATCH_LEN);
        // No timer: a batch is whatever came while the one before was under way.
        while receiver.recv_many(&mut waiting, BATCH_LEN).await > 0 {
            let (commands, answers): (Vec<_>, Vec<_>) =
                waiting.drain(..).map(|w| (w.command, w.answer)).unzip();
            for (answer, outcome) in answers.into_iter().zip(self.carry_out(commands).await) {
                // Whoever asked may be gone; what was done stays done.
                drop(answer.send(outcome));
            }
        }
    }

    /// Carries out a batch. When one command spoils it, or one account's wallet is locked by a process that is stuck, its parts
    /// are tried apart, so that only what is to blame fails.
    async fn carry_out(&mut self, commands: Vec<Command<Completion>>) -> Vec<Answer> {
        let error = match self.commit(&commands).await {
            Ok(outcomes) => return outcomes.into_iter().map(|outcome| outcome.map_err(Into::into)).collect(),
            Err(error) => error,
        };
        let parts = match Trouble::of(&error) {
            Trouble::Other => split(commands, |_, _| false),
            Trouble::Locked => split(commands, |one, other| one.account_id() == other.account_id()),
            Trouble::Conflict | Trouble::Unavailable => vec![commands],
        };
        if let [commands] = parts.as_slice() {
            return commands.iter().map(|_| Err(Error::from(error.clone()).into())).collect();
        }
        tracing::error!(%error, parts = parts.len(), "a batch failed; its parts are tried one by one");
        let mut answers = Vec::new();
        for part in parts {
            match self.commit(&part).await {
                Ok(outcomes) => {
                    answers.extend(outcomes.into_iter().map(|outcome| outcome.map_err(Into::into)));
                }
                Err(error) => answers.extend(part.iter().map(|_| Err(Error::from(error.clone()).into()))),
            }
        }
        answers
    }

    /// On what is remembered, where that will do; else on what is read under locks.
    async fn commit(
        &mut self,
        commands: &[Command<Completion>],
    ) -> Result<Vec<Result<Outcome, Refusal>>, DbErr> {
        let step = commands.first().map_or("nothing", Command::name);
        match self.optimistic.commit(&*self.clock, commands, step).await? {
            Some(outcomes) => Ok(outcomes),
            None => self.commit_locked(commands, step).await,
        }
    }

    /// One transaction; tried again while it loses against others.
    async fn commit_locked(
        &self,
        commands: &[Command<Completion>],
        step: &'static str,
    ) -> Result<Vec<Result<Outcome, Refusal>>, DbErr> {
        let mut delays = conflict_backoff().build();
        loop {
            let attempt = async {
                let transaction = self.db.begin().await?;
                let outcomes = batch::run(&transaction, self.clock.now(), commands.to_vec()).await?;
                self.db.commit(transaction, step).await?;
                Ok(outcomes)
            };
            match attempt.await {
                Err(error) if Trouble::of(&error) == Trouble::Conflict => match delays.next() {
                    Some(delay) => tokio::time::sleep(delay).await,
                    None => return Err(error),
                },
                result => return result,
            }
        }
    }
}

/// Cuts a batch, whose order stays, wherever two neighbours do not belong `together`.
fn split(
    commands: Vec<Command<Completion>>,
    together: impl Fn(&Command<Completion>, &Command<Completion>) -> bool,
) -> Vec<Vec<Command<Completion>>> {
    let mut parts: Vec<Vec<Command<Completion>>> = Vec::new();
    for command in commands {
        match parts.last_mut() {
            Some(part) if part.last().is_some_and(|last| together(last, &command)) => part.push(command),
            _ => parts.push(vec![command]),
        }
    }
    parts
}

pub(crate) fn conflict_backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(5))
        .with_max_delay(Duration::from_millis(200))
        .with_max_times(8)
        .with_jitter()
}

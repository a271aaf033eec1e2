//! Holds and ends of generations are decided on what this process remembers, and only the rest is read. What they write fails as a
//! whole where the database holds something else by now. On PostgreSQL it is one statement that commits by itself, without locks.

use super::{
    Completion, admission, batch,
    known::Known,
    tell,
    write::{self, only_moves},
};
use crate::{
    db::{Db, Pinned},
    error::Trouble,
};
use domain::{
    id::AccountId,
    ledger::{Changes, Command, Loaded, Outcome, Refusal, Resolution},
    port::Clock,
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// After that, a connection that was not used is asked whether it is still there, which takes as long as a ping. (By the machine's
/// own clock, as pools do it: a socket ages in no other.)
const LONG_UNUSED: Duration = Duration::from_millis(1);
/// Until then connections are not tried for again that the database did not give.
const RETRY: Duration = Duration::from_secs(1);
/// Batches for which nothing remembered is relied on, at most, after it was found to have changed.
const MOST_WARY: u32 = 64;

type Outcomes = Vec<Result<Outcome, Refusal>>;

/// The way for generations alone.
pub(super) struct Optimistic {
    db: Db,
    pair: Option<Pair>,
    /// When the database had no connections to give.
    refused_at: Option<Instant>,
    /// On PostgreSQL true as long as the connections live: what a database that fails over had not flushed is forgotten with them.
    known: Known,
    wary: Wary,
}

/// The ledger's own connections. Their commits are in one order, so that one that waits for the disk has all before it there too.
struct Pair {
    flushed: Pinned,
    /// For holds of which nothing is told before their ends, which are flushed.
    unflushed: Pinned,
    used_at: Instant,
    batches: u64,
}

impl Pair {
    async fn are_there(&self) -> bool {
        let (flushed, unflushed) = tokio::join!(self.flushed.answers(), self.unflushed.answers());
        flushed && unflushed
    }

    /// Has PostgreSQL plan anew, each time that it has done twice as much: a plan that was made while a table was small may look at
    /// all of it, or of an account, and would be kept.
    async fn used(self) -> Result<Self, DbErr> {
        let batches = self.batches + 1;
        if batches.is_power_of_two() {
            for connection in [&self.flushed, &self.unflushed] {
                connection.execute_unprepared("DISCARD PLANS").await?;
            }
        }
        Ok(Self { used_at: Instant::now(), batches, ..self })
    }
}

/// How many batches yet are decided on what is read anew: more, the more often others have written what was remembered.
#[derive(Default)]
struct Wary {
    left: u32,
    length: u32,
}

impl Wary {
    /// Whether the next batch is one of them.
    fn is_next(&mut self) -> bool {
        let is_next = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_next
    }

    fn was_wrong(&mut self) {
        self.length = (self.length * 2).clamp(1, MOST_WARY);
        self.left = self.length;
    }

    fn was_right(&mut self) {
        self.length /= 2;
    }
}

impl Optimistic {
    pub(super) fn new(db: Db) -> Self {
        Self { db, pair: None, refused_at: None, known: Known::default(), wary: Wary::default() }
    }

    /// Carries a batch out. `None` when it is not for here, or lost against others: nothing has changed then, and it must be tried
    /// on what is read under locks.
    pub(super) async fn commit(
        &mut self,
        clock: &dyn Clock,
        commands: &[Command<Completion>],
        step: &'static str,
    ) -> Result<Option<Outcomes>, DbErr> {
        if !commands.iter().all(is_of_a_generation) {
            self.known.forget(commands);
            return Ok(None);
        }
        let is_wary = self.wary.is_next();
        if is_wary {
            self.known.forget(commands);
        }
        let result = match self.db.backend() {
            DbBackend::Postgres => self.commit_alone(clock, commands, step).await,
            _ => self.commit_together(clock, commands, step).await,
        };
        match &result {
            Ok(Some(_)) if is_wary => {}
            Ok(Some(_)) => self.wary.was_right(),
            _ => self.known.forget(commands),
        }
        match result {
            Err(error) if Trouble::of(&error) == Trouble::Conflict => {
                self.wary.was_wrong();
                Ok(None)
            }
            result => result,
        }
    }

    /// By one statement, on PostgreSQL.
    async fn commit_alone(
        &mut self,
        clock: &dyn Clock,
        commands: &[Command<Completion>],
        step: &'static str,
    ) -> Result<Option<Outcomes>, DbErr> {
        let Some(pair) = self.connected().await? else { return Ok(None) };
        let result = self.carry_out(&pair, clock.now(), commands, step).await;
        if result.as_ref().err().is_none_or(is_told_by_database) {
            // What was done is done, whether they are good for more or not.
            self.pair = pair.used().await.ok();
        }
        result
    }

    /// In a transaction, on SQLite, where each question takes as long as a write.
    async fn commit_together(
        &mut self,
        clock: &dyn Clock,
        commands: &[Command<Completion>],
        step: &'static str,
    ) -> Result<Option<Outcomes>, DbErr> {
        let transaction = self.db.begin().await?;
        let now = clock.now();
        let Some((outcomes, changes)) = self.decide(&transaction, now, commands).await? else {
            return Ok(None);
        };
        write::run(&transaction, now, changes).await?;
        self.db.commit(transaction, step).await?;
        Ok(Some(outcomes))
    }

    /// The connections, which are there; new ones, where they were not.
    async fn connected(&mut self) -> Result<Option<Pair>, DbErr> {
        if let Some(pair) = self.pair.take()
            && (pair.used_at.elapsed() < LONG_UNUSED || pair.are_there().await)
        {
            return Ok(Some(pair));
        }
        // What was committed there may be gone, and what is remembered with it.
        self.known = Known::default();
        if self.refused_at.is_some_and(|refused_at| refused_at.elapsed() < RETRY) {
            return Ok(None);
        }
        match tokio::try_join!(self.db.pin(true), self.db.pin(false)) {
            Ok((Some(flushed), Some(unflushed))) => {
                Ok(Some(Pair { flushed, unflushed, used_at: Instant::now(), batches: 0 }))
            }
            Err(error) if !is_told_by_database(&error) => Err(error),
            // It is a standby, or has no connection left but those of the pools.
            _ => {
                self.refused_at = Some(Instant::now());
                Ok(None)
            }
        }
    }

    async fn carry_out(
        &mut self,
        pair: &Pair,
        now: Timestamp,
        commands: &[Command<Completion>],
        step: &'static str,
    ) -> Result<Option<Outcomes>, DbErr> {
        let Some((outcomes, changes)) = self.decide(&pair.flushed, now, commands).await? else {
            return Ok(None);
        };
        let must_wait =
            commands.iter().any(|command| !matches!(command, Command::Hold(hold) if !hold.is_told));
        let connection = if must_wait { &pair.flushed } else { &pair.unflushed };
        self.db.watch(step, write::run_alone(connection, now, changes)).await?;
        Ok(Some(outcomes))
    }

    /// What becomes of `commands`, which is remembered as if it were written. `None` when that is not for here.
    async fn decide(
        &mut self,
        db: &impl ConnectionTrait,
        now: Timestamp,
        commands: &[Command<Completion>],
    ) -> Result<Option<(Outcomes, Changes<Completion>)>, DbErr> {
        let (outcomes, changes) = self.decide_on_wallets(db, now, commands).await?;
        // Whoever finds nothing looks again where a standby that is behind cannot be asked.
        let finds_nothing = outcomes
            .iter()
            .any(|outcome| matches!(outcome, Err(Refusal::UnknownGeneration | Refusal::UnknownAccount)));
        if finds_nothing || !changes.wallets.iter().all(only_moves) || write::ends_what_it_begins(&changes) {
            return Ok(None);
        }
        self.known.written(&changes);
        Ok(Some((outcomes, changes)))
    }

    /// What is remembered of a wallet is relied on only where the wallet is written, which finds out whether it was so; to refuse
    /// something, it is read.
    async fn decide_on_wallets(
        &mut self,
        db: &impl ConnectionTrait,
        now: Timestamp,
        commands: &[Command<Completion>],
    ) -> Result<(Outcomes, Changes<Completion>), DbErr> {
        loop {
            let mut loaded = self.known.of(commands);
            let mut unwritten: BTreeSet<AccountId> =
                loaded.wallets.iter().map(|wallet| wallet.account_id).collect();
            self.read_the_rest(db, commands, &mut loaded).await?;
            let (outcomes, changes) = batch::decide(now, loaded, commands.to_vec());
            for change in &changes.wallets {
                unwritten.remove(&change.after.account_id);
            }
            if unwritten.is_empty() {
                return Ok((outcomes, changes));
            }
            // All of them, so that the next time all are read: what is read is remembered, and would be doubted in its turn.
            self.known.forget(commands);
        }
    }

    /// Reads what is not known. Wallets first: what else is read is not older than they are.
    async fn read_the_rest(
        &mut self,
        db: &impl ConnectionTrait,
        commands: &[Command<Completion>],
        loaded: &mut Loaded,
    ) -> Result<(), DbErr> {
        let known: BTreeSet<AccountId> = loaded.wallets.iter().map(|wallet| wallet.account_id).collect();
        let unknown = commands.iter().map(Command::account_id).filter(|id| !known.contains(id)).collect();
        let wallets = batch::load_wallets(db, unknown, false).await?;
        self.known.read(&wallets);
        loaded.wallets.extend(wallets);
        let is_known = |command: &Command<Completion>| match command {
            Command::Resolve(ended) => loaded.holds.contains_key(&(ended.account_id, ended.generation_id)),
            _ => true,
        };
        let holds = batch::load_holds(db, commands.iter().filter(|command| !is_known(command))).await?;
        loaded.holds.extend(holds);
        let key_uses = admission::load_key_uses(db, commands, &loaded.holds, &loaded.key_uses).await?;
        loaded.key_uses.extend(key_uses);
        loaded.bound = admission::load_bound(db, commands).await?;
        loaded.allowances = tell::load_allowances(db, commands, &loaded.wallets).await?;
        Ok(())
    }
}

/// Whether nothing else than wallets, holds and what keys have used has to be read and guarded for it.
fn is_of_a_generation(command: &Command<Completion>) -> bool {
    match command {
        Command::Hold(_) => true,
        Command::Resolve(ended) => match &ended.resolution {
            Resolution::Completed(completion) => completion.files.is_empty(),
            Resolution::Failed(_) => true,
            // Whether it runs as a job is found out under a lock.
            Resolution::Lost(_) => false,
        },
        _ => false,
    }
}

/// Whether the database has answered, with an error of its own, and goes on with the connection. It does not after it was told to
/// shut down (57P…), and a standby (25006) is of no use.
fn is_told_by_database(error: &DbErr) -> bool {
    let (DbErr::Conn(error) | DbErr::Exec(error) | DbErr::Query(error)) = error else {
        return matches!(error, DbErr::RecordNotUpdated | DbErr::Custom(_) | DbErr::Type(_));
    };
    let RuntimeErr::SqlxError(error) = error else { return false };
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| !["57P", "08", "25006"].iter().any(|class| code.starts_with(class)))
}

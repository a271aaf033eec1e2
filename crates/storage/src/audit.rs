//! What operators have done, in a trail that only grows.

use crate::{
    Error, Storage,
    entity::audit_entry,
    error::Trouble,
    ledger::{Completion, LedgerError, conflict_backoff, run_in},
};
use backon::BackoffBuilder;
use domain::{
    id::AccountId,
    ledger::{Command, Outcome, Refusal},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

/// How far an operator's command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It began; another entry says how it ended, unless the process did not live to write that.
    Begun,
    /// It did what it was to do.
    Done,
    /// It must not be done, and nothing has changed.
    Refused,
    /// It could not be done, or not wholly.
    Failed,
}

impl AuditOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Begun, Self::Done, Self::Refused, Self::Failed];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What an operator wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditNote {
    /// Who.
    pub operator: String,
    /// By which command, such as `account grant`.
    pub command: String,
    /// With whose account, where it is one's.
    pub account_id: Option<AccountId>,
    /// What in particular: how many tokens, which payment.
    pub details: Option<String>,
    /// Why, where that was said.
    pub reason: Option<String>,
}

/// An entry of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its id.
    pub id: i64,
    /// When it was written.
    pub created_at: Timestamp,
    /// What was to be done.
    pub note: AuditNote,
    /// How far that came.
    pub outcome: AuditOutcome,
    /// Why it went no further.
    pub message: Option<String>,
    /// The entry of its beginning, where that is another one.
    pub begun_id: Option<i64>,
}

/// Which entries are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter {
    /// Those of one account.
    pub account_id: Option<AccountId>,
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// To just before this one.
    pub to: Option<Timestamp>,
}

/// What becomes of a note.
struct Ending {
    outcome: AuditOutcome,
    message: Option<String>,
    begun_id: Option<i64>,
}

impl Storage {
    /// Carries out a command of the ledger, and enters in the same transaction who wanted it: there is no one without the other.
    /// A refusal is entered too.
    ///
    /// # Errors
    /// As [`crate::Ledger::run`].
    pub async fn run_noted(
        &self,
        command: Command<Completion>,
        note: AuditNote,
    ) -> Result<Outcome, LedgerError> {
        let id = self.next_id().await?;
        let mut delays = conflict_backoff().build();
        loop {
            match self.try_noted(id, command.clone(), note.clone()).await {
                Err(error) if Trouble::of(&error) == Trouble::Conflict => match delays.next() {
                    Some(delay) => tokio::time::sleep(delay).await,
                    None => return Err(Error::from(error).into()),
                },
                Err(error) => return Err(Error::from(error).into()),
                Ok(outcome) => return Ok(outcome?),
            }
        }
    }

    async fn try_noted(
        &self,
        id: i64,
        command: Command<Completion>,
        note: AuditNote,
    ) -> Result<Result<Outcome, Refusal>, DbErr> {
        let now = self.clock.now();
        let transaction = self.db.begin().await?;
        let outcomes = run_in(&transaction, now, vec![command]).await?;
        let outcome = outcomes.into_iter().next();
        let outcome = outcome.ok_or_else(|| DbErr::Custom("the ledger did not answer".to_owned()))?;
        let ending = match &outcome {
            Ok(_) => Ending { outcome: AuditOutcome::Done, message: None, begun_id: None },
            Err(refusal) => {
                Ending { outcome: AuditOutcome::Refused, message: Some(refusal.to_string()), begun_id: None }
            }
        };
        insert(&transaction, id, now, note, ending).await?;
        self.db.commit(transaction, "run_noted").await?;
        Ok(outcome)
    }

    /// Enters that a command begins, and gives the entry's id.
    ///
    /// # Errors
    /// The database's; nothing may be done then.
    pub async fn note_begun(&self, note: AuditNote) -> Result<i64, Error> {
        let ending = Ending { outcome: AuditOutcome::Begun, message: None, begun_id: None };
        let id = self.next_id().await?;
        insert(self.db.writer(), id, self.clock.now(), note, ending).await?;
        Ok(id)
    }

    /// Enters how a command ended whose beginning is the entry `begun_id`.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_ended(
        &self,
        begun_id: i64,
        note: AuditNote,
        outcome: AuditOutcome,
        message: Option<String>,
    ) -> Result<(), Error> {
        let ending = Ending { outcome, message, begun_id: Some(begun_id) };
        Ok(insert(self.db.writer(), self.next_id().await?, self.clock.now(), note, ending).await?)
    }

    /// The newest `limit` entries, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn audit_entries(&self, filter: AuditFilter, limit: u64) -> Result<Vec<AuditRecord>, Error> {
        let mut query = audit_entry::Entity::find();
        if let Some(account_id) = filter.account_id {
            query = query.filter(audit_entry::Column::AccountId.eq(account_id.0));
        }
        if let Some(from) = filter.from {
            query = query.filter(audit_entry::Column::CreatedAtMs.gte(from.unix_ms()));
        }
        if let Some(to) = filter.to {
            query = query.filter(audit_entry::Column::CreatedAtMs.lt(to.unix_ms()));
        }
        let query = query
            .order_by_desc(audit_entry::Column::CreatedAtMs)
            .order_by_desc(audit_entry::Column::Id)
            .limit(limit);
        query.all(self.db.reader()).await?.into_iter().map(record).collect()
    }
}

async fn insert<C: ConnectionTrait>(
    db: &C,
    id: i64,
    now: Timestamp,
    note: AuditNote,
    ending: Ending,
) -> Result<(), DbErr> {
    let row = audit_entry::ActiveModel {
        id: Set(id),
        created_at_ms: Set(now.unix_ms()),
        operator: Set(note.operator),
        command: Set(note.command),
        account_id: Set(note.account_id.map(|id| id.0)),
        details: Set(note.details),
        reason: Set(note.reason),
        outcome: Set(ending.outcome.name().to_owned()),
        message: Set(ending.message),
        begun_id: Set(ending.begun_id),
    };
    audit_entry::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

fn record(row: audit_entry::Model) -> Result<AuditRecord, Error> {
    let outcome = AuditOutcome::ALL.into_iter().find(|outcome| outcome.name() == row.outcome);
    Ok(AuditRecord {
        id: row.id,
        created_at: Timestamp::from_unix_ms(row.created_at_ms),
        outcome: outcome.ok_or_else(|| Error::BadRow(format!("audit_entries, id {}", row.id)))?,
        note: AuditNote {
            operator: row.operator,
            command: row.command,
            account_id: row.account_id.map(AccountId),
            details: row.details,
            reason: row.reason,
        },
        message: row.message,
        begun_id: row.begun_id,
    })
}

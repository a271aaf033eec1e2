//! An account's ledger as its owner reads it: page after page, in the order of time.

use crate::{Error, Storage};
use domain::{id::AccountId, time::Timestamp};
use sea_orm::{FromQueryResult, Statement, Value};

/// A movement of tokens, by the names that the database has for it.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct EntryRecord {
    created_at_ms: i64,
    /// Why.
    pub reason: String,
    /// What is behind it: a generation, a cycle, a payment, …
    pub source_id: i64,
    /// Where the tokens left.
    pub debit: String,
    /// Where they arrived.
    pub credit: String,
    /// How many NeuralBox tokens.
    pub amount_tokens: i64,
}

impl EntryRecord {
    /// When.
    pub const fn created_at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.created_at_ms)
    }
}

impl Storage {
    /// Up to `limit` of an account's entries from `from` up to `until`, the oldest first, after the entry `after`.
    ///
    /// # Errors
    /// The database's.
    pub async fn entries(
        &self,
        account_id: AccountId,
        from: Timestamp,
        until: Timestamp,
        after: Option<&EntryRecord>,
        limit: u32,
    ) -> Result<Vec<EntryRecord>, Error> {
        let start_ms = after.map_or(from.unix_ms(), |entry| entry.created_at_ms);
        let mut values: Vec<Value> =
            vec![account_id.0.into(), start_ms.into(), until.unix_ms().into(), i64::from(limit).into()];
        let mut later = "";
        if let Some(EntryRecord { reason, source_id, debit, .. }) = after {
            later = "AND (created_at_ms > $2 OR (reason, source_id, debit) > ($5, $6, $7))";
            values.extend([reason.as_str().into(), (*source_id).into(), debit.as_str().into()]);
        }
        let sql = format!(
            "SELECT created_at_ms, reason, source_id, debit, credit, amount_tokens FROM ledger_entries
            WHERE account_id = $1 AND created_at_ms >= $2 AND created_at_ms < $3 {later}
            ORDER BY created_at_ms, reason, source_id, debit LIMIT $4"
        );
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        Ok(EntryRecord::find_by_statement(statement).all(self.db.reader()).await?)
    }
}

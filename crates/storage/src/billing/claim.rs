//! Claiming what is due: nobody else gets it until the lease ends, or the row is written.

use super::rows;
use crate::{
    Error, Storage,
    entity::{payment, refund, subscription},
};
use domain::{
    billing::{Payment, Refund, Subscription},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, QueryResult, Statement};

impl Storage {
    /// Claims up to `limit` payments that are due at `now`, until `leased_until`.
    ///
    /// # Errors
    /// The database's.
    pub async fn claim_payments(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Payment>, Error> {
        let rows = self.claim::<payment::Model>("payments", now, leased_until, limit).await?;
        rows.into_iter().map(rows::payment_from).collect()
    }

    /// Claims subscriptions. As [`Self::claim_payments`].
    ///
    /// # Errors
    /// The database's.
    pub async fn claim_subscriptions(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Subscription>, Error> {
        let rows = self.claim::<subscription::Model>("subscriptions", now, leased_until, limit).await?;
        rows.into_iter().map(rows::subscription_from).collect()
    }

    /// Claims refunds. As [`Self::claim_payments`].
    ///
    /// # Errors
    /// The database's.
    pub async fn claim_refunds(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Refund>, Error> {
        let rows = self.claim::<refund::Model>("refunds", now, leased_until, limit).await?;
        rows.into_iter().map(rows::refund_from).collect()
    }

    /// The update's own condition repeats the test, and PostgreSQL skips rows that another is just claiming, so that no two
    /// workers get the same one. A claim is a change: whoever read the row before writes nothing to it any more.
    async fn claim<M: FromQueryResult>(
        &self,
        table: &str,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<M>, Error> {
        let lock = if self.db.backend() == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
        let sql = format!(
            "UPDATE {table} SET version = version + 1, leased_until_ms = $2
            WHERE (account_id, id) IN (
                    SELECT account_id, id FROM {table}
                    WHERE due_at_ms <= $1 AND leased_until_ms <= $1 AND attention IS NULL
                    ORDER BY due_at_ms LIMIT $3 {lock}
                ) AND due_at_ms <= $1 AND leased_until_ms <= $1
            RETURNING *"
        );
        let values = [now.unix_ms().into(), leased_until.unix_ms().into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let mut rows = self.db.writer().query_all_raw(statement).await?;
        // They come back in no order; what has been due for the longest is done first.
        rows.sort_by_cached_key(due_and_id);
        rows.iter().map(|row| Ok(M::from_query_result(row, "")?)).collect()
    }
}

fn due_and_id(row: &QueryResult) -> (i64, i64) {
    let number = |column: &str| row.try_get("", column).unwrap_or_default();
    (number("due_at_ms"), number("id"))
}

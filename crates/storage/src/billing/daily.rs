//! What is done once a day for the whole installation, however many workers there are.

use crate::{Error, Storage};
use domain::time::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

/// The right to do a day's work until it is given up. Another may take it up after `leased_until`.
#[must_use = "work that is claimed must be done or left for later"]
#[derive(Debug)]
pub struct DailyClaim {
    name: &'static str,
    /// Since when it was due; `None` when it was never done.
    pub due_at: Option<Timestamp>,
    leased_until: Timestamp,
}

impl Storage {
    /// Claims the work of that name until `leased_until`, if it is due at `now` and nobody else is at it.
    ///
    /// # Errors
    /// The database's.
    pub async fn claim_daily(
        &self,
        name: &'static str,
        now: Timestamp,
        leased_until: Timestamp,
    ) -> Result<Option<DailyClaim>, Error> {
        let sql = "UPDATE daily_work SET leased_until_ms = $1
            WHERE name = $2 AND due_at_ms <= $3 AND leased_until_ms <= $4 RETURNING due_at_ms";
        let (now, until) = (now.unix_ms(), leased_until.unix_ms());
        let values: [Value; 4] = [until.into(), name.into(), now.into(), now.into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let Some(row) = self.db.writer().query_one_raw(statement).await? else { return Ok(None) };
        let due_at_ms: i64 = row.try_get("", "due_at_ms")?;
        let due_at = (due_at_ms > 0).then(|| Timestamp::from_unix_ms(due_at_ms));
        Ok(Some(DailyClaim { name, due_at, leased_until }))
    }

    /// Ends a claim, and says when the work is due again. Nothing changes when another has claimed it meanwhile.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_daily(&self, claim: DailyClaim, due_at: Timestamp) -> Result<(), Error> {
        let sql = "UPDATE daily_work SET due_at_ms = $1, leased_until_ms = $2
            WHERE name = $3 AND leased_until_ms = $4";
        let DailyClaim { name, leased_until, .. } = claim;
        let values: [Value; 4] =
            [due_at.unix_ms().into(), 0_i64.into(), name.into(), leased_until.unix_ms().into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        self.db.writer().execute_raw(statement).await?;
        Ok(())
    }
}

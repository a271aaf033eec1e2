//! Forgetting what was asked for and answered, when its time has come.

use crate::{Error, Storage};
use domain::time::Timestamp;
use sea_orm::{ConnectionTrait, Statement, Value};

impl Storage {
    /// Forgets words and answers of up to `limit` generations that are kept until `now` or before, and says how many it were.
    /// The generations themselves, and what they cost, stay.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_texts(&self, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let sql = "DELETE FROM generation_contents WHERE (account_id, generation_id) IN
            (SELECT account_id, generation_id FROM generation_contents WHERE expires_at_ms <= $1
                ORDER BY expires_at_ms LIMIT $2)";
        let values: [Value; 2] = [now.unix_ms().into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        Ok(self.db.background().execute_raw(statement).await?.rows_affected())
    }
}

//! How things stand, for whoever watches the service.

use crate::{Error, Storage, db::PoolUse};
use domain::time::Timestamp;
use sea_orm::{FromQueryResult, Statement};

/// Due times of the oldest rows of each kind of work, and how many holds are open; each is the start of an index. What waits for
/// a person is no work of the worker's.
const SQL: &str = "SELECT
    (SELECT COUNT(*) FROM generations WHERE status = 'pending') AS open_holds,
    (SELECT MIN(poll_at_ms) FROM jobs) AS jobs_due_at_ms,
    (SELECT MIN(due_at_ms) FROM payments WHERE due_at_ms IS NOT NULL AND attention IS NULL) AS payments_due_at_ms,
    (SELECT MIN(due_at_ms) FROM subscriptions WHERE due_at_ms IS NOT NULL AND attention IS NULL) AS subscriptions_due_at_ms,
    (SELECT MIN(due_at_ms) FROM refunds WHERE due_at_ms IS NOT NULL AND attention IS NULL) AS refunds_due_at_ms,
    (SELECT MIN(due_at_ms) FROM webhook_deliveries WHERE due_at_ms IS NOT NULL) AS webhooks_due_at_ms,
    (SELECT MIN(expires_at_ms) FROM files WHERE expires_at_ms IS NOT NULL) AS files_due_at_ms";

/// How things stand in the whole installation, and in this process's pools.
#[derive(Clone, Debug)]
pub struct StorageGauges {
    /// Generations that are under way.
    pub open_holds: i64,
    /// Milliseconds for which the oldest row of each kind of work has been due; 0 where none is.
    pub lags_ms: [(&'static str, i64); 6],
    /// Connections, by what they are for.
    pub pools: Vec<(&'static str, PoolUse)>,
}

#[derive(FromQueryResult)]
struct Row {
    open_holds: i64,
    jobs_due_at_ms: Option<i64>,
    payments_due_at_ms: Option<i64>,
    subscriptions_due_at_ms: Option<i64>,
    refunds_due_at_ms: Option<i64>,
    webhooks_due_at_ms: Option<i64>,
    files_due_at_ms: Option<i64>,
}

impl Storage {
    /// How things stand now.
    ///
    /// # Errors
    /// The database's.
    pub async fn gauges(&self, now: Timestamp) -> Result<StorageGauges, Error> {
        let statement = Statement::from_string(self.db.backend(), SQL);
        let row = Row::find_by_statement(statement).one(self.db.reader()).await?;
        let row = row.ok_or_else(|| Error::BadRow("a query of counts has no row".to_owned()))?;
        let lag =
            |due_at_ms: Option<i64>| due_at_ms.map_or(0, |due| now.unix_ms().saturating_sub(due).max(0));
        Ok(StorageGauges {
            open_holds: row.open_holds,
            lags_ms: [
                ("jobs", lag(row.jobs_due_at_ms)),
                ("payments", lag(row.payments_due_at_ms)),
                ("subscriptions", lag(row.subscriptions_due_at_ms)),
                ("refunds", lag(row.refunds_due_at_ms)),
                ("webhooks", lag(row.webhooks_due_at_ms)),
                ("files", lag(row.files_due_at_ms)),
            ],
            pools: self.db.pools(),
        })
    }
}

//! Ids, minted here from blocks that are reserved with a durable write. A sequence would hand a number out again that
//! was lost in a crash before its commit reached the disk.

use crate::{Error, db::Db};
use domain::id::MAX_ID;
use sea_orm::{ConnectionTrait, Statement};
use std::ops::Range;
use tokio::sync::Mutex;

/// Ids in a block: one durable write for so many; at most as many are skipped when a process ends.
const BLOCK_LEN: i64 = 1_000;

pub(crate) struct Ids {
    db: Db,
    block: Mutex<Range<i64>>,
}

impl Ids {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, block: Mutex::new(0..0) }
    }

    pub(crate) async fn next(&self) -> Result<i64, Error> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            *block = self.reserve().await?;
        }
        block.next().filter(|id| *id <= MAX_ID).ok_or(Error::OutOfIds)
    }

    async fn reserve(&self) -> Result<Range<i64>, Error> {
        let sql = "UPDATE installation SET next_id = next_id + $1 WHERE id = 1 RETURNING next_id";
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, [BLOCK_LEN.into()]);
        let row = self.db.writer().query_one_raw(statement).await?;
        let end: i64 = row.ok_or_else(|| Error::BadRow("installation".to_owned()))?.try_get("", "next_id")?;
        Ok(end - BLOCK_LEN..end)
    }
}

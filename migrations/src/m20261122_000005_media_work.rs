//! More about jobs, and why a generation failed.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            &[
                // What the vendor has made and has only to be fetched, as JSON; NULL while it is at work.
                "ALTER TABLE jobs ADD COLUMN product TEXT",
                // Callbacks so far. One that comes while a worker asks is told by the count, and not lost.
                "ALTER TABLE jobs ADD COLUMN hints BIGINT NOT NULL DEFAULT 0",
                // Visits in a row that came to nothing.
                "ALTER TABLE jobs ADD COLUMN troubles BIGINT NOT NULL DEFAULT 0",
                // A JSON object for the client, where there is more to say than code and message.
                "ALTER TABLE generations ADD COLUMN error_details TEXT",
            ],
        )
        .await
    }
}

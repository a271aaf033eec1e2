//! Jobs at vendors, and files: what goes in, what comes out, and how long it is kept.

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
                // One row a job that runs at a vendor; gone when its generation has ended. `claim` counts the workers that
                // took it: an outcome is written only under the claim it was found with.
                "CREATE TABLE jobs (
                    account_id BIGINT NOT NULL,
                    generation_id BIGINT NOT NULL,
                    call TEXT NOT NULL,
                    state TEXT NOT NULL,
                    progress BIGINT CHECK (progress BETWEEN 0 AND 100),
                    polls BIGINT NOT NULL,
                    poll_at_ms BIGINT NOT NULL,
                    deadline_at_ms BIGINT NOT NULL,
                    claim BIGINT NOT NULL,
                    leased_until_ms BIGINT NOT NULL,
                    PRIMARY KEY (account_id, generation_id)
                )",
                "CREATE INDEX jobs_by_due ON jobs (poll_at_ms)",
                // Where a vendor's callback finds its job. `token` is what makes the address unguessable.
                "CREATE TABLE job_directory (
                    token TEXT NOT NULL PRIMARY KEY,
                    account_id BIGINT NOT NULL,
                    generation_id BIGINT NOT NULL
                )",
                "CREATE TABLE files (
                    account_id BIGINT NOT NULL,
                    name TEXT NOT NULL,
                    kind TEXT NOT NULL CHECK (kind IN ('input', 'result', 'thumbnail')),
                    content_type TEXT NOT NULL,
                    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
                    created_at_ms BIGINT NOT NULL,
                    expires_at_ms BIGINT,
                    PRIMARY KEY (account_id, name)
                )",
                "CREATE INDEX files_by_expiry ON files (expires_at_ms) WHERE expires_at_ms IS NOT NULL",
                "CREATE TABLE file_directory (
                    name TEXT NOT NULL PRIMARY KEY,
                    account_id BIGINT NOT NULL
                )",
                // A vendor's bill of a day is read from this alone, every few seconds where it has a limit.
                "CREATE INDEX generations_by_vendor_cost
                    ON generations (completed_at_ms, model_slug, vendor_cost_micro_usd)
                    WHERE vendor_cost_micro_usd IS NOT NULL",
                "ALTER TABLE generation_contents ADD COLUMN result_file TEXT",
                "ALTER TABLE generation_contents ADD COLUMN thumbnail_file TEXT",
            ],
        )
        .await
    }
}

//! The installation itself, and the processes that work on it.

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
                // One row. `mode` is set once, by the first process that can reach vendors: sandbox or live.
                // `next_id` is where the next block of ids starts; 9007199254740992 is 2^53.
                "CREATE TABLE installation (
                    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
                    mode TEXT CHECK (mode IN ('sandbox', 'live')),
                    next_id BIGINT NOT NULL CHECK (next_id BETWEEN 1 AND 9007199254740992)
                )",
                "INSERT INTO installation (id, mode, next_id) VALUES (1, NULL, 1)",
                // `beat` counts heartbeats. Others watch whether it moves, so no two clocks are ever compared.
                "CREATE TABLE nodes (
                    id BIGINT NOT NULL PRIMARY KEY,
                    beat BIGINT NOT NULL,
                    status TEXT NOT NULL CHECK (status IN ('alive', 'ended', 'dead')),
                    started_at_ms BIGINT NOT NULL,
                    last_beat_at_ms BIGINT NOT NULL
                )",
            ],
        )
        .await
    }
}

//! What operators have done: a trail that only grows, and charges that they have given back.

use crate::dialect::{run, run_own};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &TABLES).await?;
        run_own(manager, &SQLITE_TRIGGERS, &POSTGRES_TRIGGERS).await
    }
}

const TABLES: [&str; 5] = [
    // `begun_id` names the entry that says how the same command began, where that is another one. Nothing in it may be
    // about a person: the trail outlives them.
    "CREATE TABLE audit_entries (
        id BIGINT NOT NULL PRIMARY KEY,
        created_at_ms BIGINT NOT NULL,
        operator TEXT NOT NULL,
        command TEXT NOT NULL,
        account_id BIGINT,
        details TEXT,
        reason TEXT,
        outcome TEXT NOT NULL CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
        message TEXT,
        begun_id BIGINT,
        CHECK (begun_id IS NULL OR outcome <> 'begun')
    )",
    "CREATE INDEX audit_entries_by_age ON audit_entries (created_at_ms, id)",
    "CREATE INDEX audit_entries_by_account ON audit_entries (account_id, created_at_ms, id)",
    // NeuralBox tokens that came back after it had completed; NULL while nothing was given back.
    "ALTER TABLE generations ADD COLUMN refunded_tokens BIGINT CHECK (refunded_tokens BETWEEN 1 AND price_tokens)",
    "CREATE INDEX api_keys_by_prefix ON api_keys (prefix)",
];

const SQLITE_TRIGGERS: [&str; 3] = [
    "CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    "CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries
        BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    "CREATE TRIGGER generations_refund_once BEFORE UPDATE ON generations
        WHEN NEW.refunded_tokens IS NOT OLD.refunded_tokens
            AND (OLD.refunded_tokens IS NOT NULL OR OLD.status <> 'completed')
        BEGIN SELECT RAISE(ABORT, 'a charge goes back once'); END",
];

const POSTGRES_TRIGGERS: [&str; 3] = [
    "CREATE TRIGGER audit_entries_no_change BEFORE UPDATE OR DELETE ON audit_entries
        FOR EACH ROW EXECUTE FUNCTION refuse_change('the audit trail is append-only')",
    "CREATE TRIGGER audit_entries_no_truncate BEFORE TRUNCATE ON audit_entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('the audit trail is append-only')",
    "CREATE TRIGGER generations_refund_once BEFORE UPDATE ON generations
        FOR EACH ROW WHEN (NEW.refunded_tokens IS DISTINCT FROM OLD.refunded_tokens
            AND (OLD.refunded_tokens IS NOT NULL OR OLD.status <> 'completed'))
        EXECUTE FUNCTION refuse_change('a charge goes back once')",
];

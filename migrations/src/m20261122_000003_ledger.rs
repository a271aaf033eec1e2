//! The ledger. The database refuses by itself what must never happen: a negative bucket, a hold that resolves twice, a
//! second charge or grant from one source, a changed entry.

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

const TABLES: [&str; 7] = [
    "CREATE TABLE wallets (
        account_id BIGINT NOT NULL PRIMARY KEY,
        plan_available BIGINT NOT NULL CHECK (plan_available >= 0),
        permanent_available BIGINT NOT NULL CHECK (permanent_available >= 0),
        plan_held BIGINT NOT NULL CHECK (plan_held >= 0),
        permanent_held BIGINT NOT NULL CHECK (permanent_held >= 0),
        cycle_id BIGINT,
        cycle_plan TEXT,
        cycle_starts_at_ms BIGINT,
        cycle_ends_at_ms BIGINT,
        CHECK (cycle_id IS NOT NULL OR plan_available = 0),
        CHECK ((cycle_id IS NULL) = (cycle_plan IS NULL)),
        CHECK ((cycle_id IS NULL) = (cycle_starts_at_ms IS NULL)),
        CHECK ((cycle_id IS NULL) = (cycle_ends_at_ms IS NULL))
    )",
    "CREATE INDEX wallets_by_cycle_end ON wallets (cycle_ends_at_ms) WHERE cycle_id IS NOT NULL",
    "CREATE TABLE cycles (
        account_id BIGINT NOT NULL,
        id BIGINT NOT NULL,
        plan TEXT NOT NULL,
        allowance_tokens BIGINT NOT NULL CHECK (allowance_tokens > 0),
        starts_at_ms BIGINT NOT NULL,
        ends_at_ms BIGINT NOT NULL CHECK (ends_at_ms > starts_at_ms),
        PRIMARY KEY (account_id, id)
    )",
    // A generation's row is its hold.
    "CREATE TABLE generations (
        account_id BIGINT NOT NULL,
        id BIGINT NOT NULL,
        key_id BIGINT NOT NULL,
        model_slug TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
        price_tokens BIGINT NOT NULL CHECK (price_tokens > 0),
        plan_tokens BIGINT NOT NULL CHECK (plan_tokens >= 0),
        permanent_tokens BIGINT NOT NULL CHECK (permanent_tokens >= 0),
        cycle_id BIGINT,
        node_id BIGINT NOT NULL,
        created_at_ms BIGINT NOT NULL,
        deadline_at_ms BIGINT NOT NULL,
        completed_at_ms BIGINT,
        error_code TEXT,
        error_message TEXT,
        vendor_cost_micro_usd BIGINT CHECK (vendor_cost_micro_usd >= 0),
        result_metadata TEXT,
        PRIMARY KEY (account_id, id),
        CHECK (plan_tokens + permanent_tokens = price_tokens),
        CHECK ((plan_tokens = 0) = (cycle_id IS NULL)),
        CHECK ((status = 'pending') = (completed_at_ms IS NULL)),
        CHECK ((status = 'failed') = (error_code IS NOT NULL))
    )",
    "CREATE INDEX generations_pending ON generations (node_id) WHERE status = 'pending'",
    // Prompts and results, apart from the money so that they can be pruned.
    "CREATE TABLE generation_contents (
        account_id BIGINT NOT NULL,
        generation_id BIGINT NOT NULL,
        prompt TEXT,
        result_text TEXT,
        PRIMARY KEY (account_id, generation_id)
    )",
    // A movement: its amount leaves `debit` and arrives at `credit`.
    "CREATE TABLE ledger_entries (
        account_id BIGINT NOT NULL,
        reason TEXT NOT NULL CHECK (reason IN
            ('allowance', 'starter', 'grant', 'charge', 'expiry', 'late_release')),
        source_id BIGINT NOT NULL,
        debit TEXT NOT NULL CHECK (debit IN ('issued', 'plan', 'permanent', 'spent', 'expired')),
        credit TEXT NOT NULL CHECK (credit IN ('issued', 'plan', 'permanent', 'spent', 'expired')),
        amount_tokens BIGINT NOT NULL CHECK (amount_tokens > 0),
        created_at_ms BIGINT NOT NULL,
        PRIMARY KEY (account_id, reason, source_id, debit),
        CHECK (debit <> credit)
    )",
];

const SQLITE_TRIGGERS: [&str; 4] = [
    "CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries
        BEGIN SELECT RAISE(ABORT, 'ledger entries are append-only'); END",
    "CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries
        BEGIN SELECT RAISE(ABORT, 'ledger entries are append-only'); END",
    "CREATE TRIGGER generations_resolve_once BEFORE UPDATE ON generations
        WHEN OLD.status <> 'pending' AND NEW.status <> OLD.status
        BEGIN SELECT RAISE(ABORT, 'a hold resolves once'); END",
    "CREATE TRIGGER generations_keep_price BEFORE UPDATE ON generations
        WHEN NEW.price_tokens <> OLD.price_tokens OR NEW.plan_tokens <> OLD.plan_tokens
            OR NEW.permanent_tokens <> OLD.permanent_tokens OR NEW.cycle_id IS NOT OLD.cycle_id
        BEGIN SELECT RAISE(ABORT, 'a hold keeps its price'); END",
];

const POSTGRES_TRIGGERS: [&str; 5] = [
    "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation'; END $$",
    "CREATE TRIGGER ledger_entries_no_change BEFORE UPDATE OR DELETE ON ledger_entries
        FOR EACH ROW EXECUTE FUNCTION refuse_change('ledger entries are append-only')",
    "CREATE TRIGGER ledger_entries_no_truncate BEFORE TRUNCATE ON ledger_entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('ledger entries are append-only')",
    // The conditions are the triggers' own, so an ordinary settle calls no function.
    "CREATE TRIGGER generations_resolve_once BEFORE UPDATE ON generations
        FOR EACH ROW WHEN (OLD.status <> 'pending' AND NEW.status <> OLD.status)
        EXECUTE FUNCTION refuse_change('a hold resolves once')",
    "CREATE TRIGGER generations_keep_price BEFORE UPDATE ON generations
        FOR EACH ROW WHEN (NEW.price_tokens <> OLD.price_tokens OR NEW.plan_tokens <> OLD.plan_tokens
            OR NEW.permanent_tokens <> OLD.permanent_tokens OR NEW.cycle_id IS DISTINCT FROM OLD.cycle_id)
        EXECUTE FUNCTION refuse_change('a hold keeps its price')",
];

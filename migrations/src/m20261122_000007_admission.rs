//! What a hold is admitted by besides the balance: limits of a plan, budgets of keys, and names of requests.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &RATE_WINDOWS).await?;
        run(manager, &KEYS).await?;
        run(manager, &REQUESTS).await
    }
}

/// Generations begun in the hour and in the day that started then. Written with every hold, and so in no index: on
/// PostgreSQL that would make each of those updates a dear one.
const RATE_WINDOWS: [&str; 4] = [
    "ALTER TABLE wallets ADD COLUMN hour_started_at_ms BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE wallets ADD COLUMN hour_count BIGINT NOT NULL DEFAULT 0 CHECK (hour_count >= 0)",
    "ALTER TABLE wallets ADD COLUMN day_started_at_ms BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE wallets ADD COLUMN day_count BIGINT NOT NULL DEFAULT 0 CHECK (day_count >= 0)",
];

const KEYS: [&str; 5] = [
    "ALTER TABLE api_keys ADD COLUMN monthly_budget_tokens BIGINT CHECK (monthly_budget_tokens > 0)",
    "ALTER TABLE api_keys ADD COLUMN expires_at_ms BIGINT",
    "ALTER TABLE api_keys ADD COLUMN last_used_at_ms BIGINT",
    // What a key with a budget has spent and holds of a calendar month, which is counted from the year 0. Apart from
    // `api_keys`, so that holds never wait for whoever notes when keys were used.
    "CREATE TABLE key_uses (
        account_id BIGINT NOT NULL,
        key_id BIGINT NOT NULL,
        month BIGINT NOT NULL,
        used_tokens BIGINT NOT NULL CHECK (used_tokens >= 0),
        PRIMARY KEY (account_id, key_id)
    )",
    // The month in which it counts against its key's budget, where that has one.
    "ALTER TABLE generations ADD COLUMN key_month BIGINT",
];

const REQUESTS: [&str; 4] = [
    // What the account could spend when the hold was taken, and when it had ended: said again to whoever repeats the request.
    "ALTER TABLE generations ADD COLUMN held_balance_tokens BIGINT",
    "ALTER TABLE generations ADD COLUMN balance_tokens BIGINT",
    // A request that its client gave a name: the SHA-256 of what was asked for, in hexadecimal, and what came of it. A
    // generation is its own answer; that of an order is kept here.
    "CREATE TABLE idempotency_keys (
        account_id BIGINT NOT NULL,
        key TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        generation_id BIGINT,
        payment_id BIGINT,
        wait_ms BIGINT CHECK (wait_ms >= 0),
        answer_status BIGINT,
        answer_body TEXT,
        created_at_ms BIGINT NOT NULL,
        PRIMARY KEY (account_id, key),
        CHECK ((answer_status IS NULL) = (answer_body IS NULL))
    )",
    "CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at_ms)",
];

//! Payments, subscriptions and refunds, and what the ledger needs for them.

use crate::dialect::{run, run_own};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_own(manager, &SQLITE_ENTRIES, &POSTGRES_ENTRIES).await?;
        run(manager, &LEDGER).await?;
        run(manager, &BILLING).await
    }
}

/// New legs. SQLite cannot change a check, so its table is made anew. Reasons are no longer listed: they are many, the
/// program reads none that it does not know, and the legs are what balances.
const SQLITE_ENTRIES: [&str; 6] = [
    "CREATE TABLE new_ledger_entries (
        account_id INTEGER NOT NULL,
        reason TEXT NOT NULL,
        source_id INTEGER NOT NULL,
        debit TEXT NOT NULL
            CHECK (debit IN ('issued', 'plan', 'permanent', 'spent', 'expired', 'adjusted', 'owed')),
        credit TEXT NOT NULL
            CHECK (credit IN ('issued', 'plan', 'permanent', 'spent', 'expired', 'adjusted', 'owed')),
        amount_tokens INTEGER NOT NULL CHECK (amount_tokens > 0),
        created_at_ms INTEGER NOT NULL,
        PRIMARY KEY (account_id, reason, source_id, debit),
        CHECK (debit <> credit)
    ) STRICT, WITHOUT ROWID",
    "INSERT INTO new_ledger_entries SELECT account_id, reason, source_id, debit, credit, amount_tokens,
        created_at_ms FROM ledger_entries",
    "DROP TABLE ledger_entries",
    "ALTER TABLE new_ledger_entries RENAME TO ledger_entries",
    "CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries
        BEGIN SELECT RAISE(ABORT, 'ledger entries are append-only'); END",
    "CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries
        BEGIN SELECT RAISE(ABORT, 'ledger entries are append-only'); END",
];

const POSTGRES_ENTRIES: [&str; 1] = ["ALTER TABLE ledger_entries
    DROP CONSTRAINT ledger_entries_reason_check,
    DROP CONSTRAINT ledger_entries_debit_check,
    DROP CONSTRAINT ledger_entries_credit_check,
    ADD CHECK (debit IN ('issued', 'plan', 'permanent', 'spent', 'expired', 'adjusted', 'owed')),
    ADD CHECK (credit IN ('issued', 'plan', 'permanent', 'spent', 'expired', 'adjusted', 'owed'))"];

const LEDGER: [&str; 6] = [
    "ALTER TABLE wallets ADD COLUMN owed_tokens BIGINT NOT NULL DEFAULT 0 CHECK (owed_tokens >= 0)",
    // Until when the account counts as on the cycle's plan; the cycle's end where it is not said.
    "ALTER TABLE wallets ADD COLUMN cycle_plan_until_ms BIGINT",
    // Whose cycle it is among a subscription's, and who paid for it.
    "ALTER TABLE cycles ADD COLUMN subscription_id BIGINT",
    "ALTER TABLE cycles ADD COLUMN cycle_index BIGINT",
    "ALTER TABLE cycles ADD COLUMN payment_id BIGINT",
    // One grant a subscription and cycle, whoever asks for it.
    "CREATE UNIQUE INDEX cycles_once ON cycles (account_id, subscription_id, cycle_index)
        WHERE subscription_id IS NOT NULL",
];

const BILLING: [&str; 13] = [
    // `version` counts changes; a change is made only to the version that was seen. `leased_until_ms` keeps other
    // workers away from a row that is due. Amounts are in the smallest unit of their currency.
    "CREATE TABLE payments (
        account_id BIGINT NOT NULL,
        id BIGINT NOT NULL,
        version BIGINT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('subscription', 'renewal', 'package')),
        item TEXT NOT NULL,
        tokens BIGINT NOT NULL CHECK (tokens > 0),
        method TEXT NOT NULL CHECK (method IN ('yookassa', 'telegram_stars')),
        status TEXT NOT NULL CHECK (status IN
            ('new', 'pending', 'paid', 'applying', 'succeeded', 'canceled', 'returned')),
        currency TEXT NOT NULL CHECK (currency IN ('RUB', 'XTR')),
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        credit_minor BIGINT NOT NULL CHECK (credit_minor >= 0),
        refunded_minor BIGINT NOT NULL CHECK (refunded_minor BETWEEN 0 AND amount_minor),
        reference TEXT NOT NULL,
        gateway_id TEXT,
        confirmation_url TEXT,
        return_url TEXT,
        receipt_email TEXT,
        saved_method_id TEXT,
        payer_id TEXT,
        paid_until_ms BIGINT,
        subscription_id BIGINT,
        cycle_index BIGINT,
        cycle_id BIGINT,
        replaces_subscription_id BIGINT,
        replaces_cycle_id BIGINT,
        trade_in_cycle_id BIGINT,
        trade_in_tokens BIGINT CHECK (trade_in_tokens >= 0),
        trade_in_seen_available BIGINT,
        trade_in_seen_held BIGINT,
        decline TEXT,
        attention TEXT,
        checks BIGINT NOT NULL,
        created_at_ms BIGINT NOT NULL,
        paid_at_ms BIGINT,
        due_at_ms BIGINT,
        leased_until_ms BIGINT NOT NULL,
        PRIMARY KEY (account_id, id),
        CHECK (kind = 'package' OR (subscription_id IS NOT NULL AND cycle_index IS NOT NULL AND cycle_id IS NOT NULL))
    )",
    "CREATE INDEX payments_by_due ON payments (due_at_ms) WHERE due_at_ms IS NOT NULL",
    "CREATE INDEX payments_by_paid ON payments (paid_at_ms) WHERE paid_at_ms IS NOT NULL",
    // Where a notification finds its payment: `order:` and our reference, or the method and the service's own id. A
    // service's payment stands here once, so it can be taken for one of ours only once.
    "CREATE TABLE payment_directory (
        name TEXT NOT NULL PRIMARY KEY,
        account_id BIGINT NOT NULL,
        payment_id BIGINT NOT NULL
    )",
    "CREATE TABLE subscriptions (
        account_id BIGINT NOT NULL,
        id BIGINT NOT NULL,
        version BIGINT NOT NULL,
        plan TEXT NOT NULL,
        method TEXT NOT NULL CHECK (method IN ('yookassa', 'telegram_stars')),
        status TEXT NOT NULL CHECK (status IN ('active', 'past_due', 'ended')),
        end_reason TEXT,
        anchor_at_ms BIGINT NOT NULL,
        cycle_index BIGINT NOT NULL CHECK (cycle_index >= 0),
        cycle_id BIGINT NOT NULL,
        cycle_starts_at_ms BIGINT NOT NULL,
        cycle_ends_at_ms BIGINT NOT NULL CHECK (cycle_ends_at_ms > cycle_starts_at_ms),
        price_currency TEXT NOT NULL CHECK (price_currency IN ('RUB', 'XTR')),
        price_minor BIGINT NOT NULL CHECK (price_minor > 0),
        payment_id BIGINT NOT NULL,
        saved_method_id TEXT,
        is_method_gone BIGINT NOT NULL CHECK (is_method_gone IN (0, 1)),
        payer_id TEXT,
        receipt_email TEXT,
        cancel_at_end BIGINT NOT NULL CHECK (cancel_at_end IN (0, 1)),
        next_plan TEXT,
        declines BIGINT NOT NULL CHECK (declines >= 0),
        renewal_payment_id BIGINT,
        attention TEXT,
        created_at_ms BIGINT NOT NULL,
        due_at_ms BIGINT,
        leased_until_ms BIGINT NOT NULL,
        PRIMARY KEY (account_id, id),
        CHECK ((status = 'ended') = (end_reason IS NOT NULL)),
        CHECK (status <> 'ended' OR due_at_ms IS NULL)
    )",
    "CREATE UNIQUE INDEX subscriptions_one_live ON subscriptions (account_id) WHERE status <> 'ended'",
    "CREATE INDEX subscriptions_by_due ON subscriptions (due_at_ms) WHERE due_at_ms IS NOT NULL",
    "CREATE TABLE refunds (
        account_id BIGINT NOT NULL,
        id BIGINT NOT NULL,
        version BIGINT NOT NULL,
        payment_id BIGINT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('granted', 'unwanted', 'chargeback')),
        status TEXT NOT NULL CHECK (status IN ('new', 'taken', 'pending', 'succeeded', 'failed')),
        currency TEXT NOT NULL CHECK (currency IN ('RUB', 'XTR')),
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        tokens BIGINT NOT NULL CHECK (tokens >= 0),
        owed_tokens BIGINT NOT NULL CHECK (owed_tokens >= 0),
        cycle_id BIGINT,
        seen_available BIGINT NOT NULL,
        seen_held BIGINT NOT NULL,
        reference TEXT NOT NULL,
        gateway_id TEXT,
        reason TEXT NOT NULL,
        attention TEXT,
        checks BIGINT NOT NULL,
        created_at_ms BIGINT NOT NULL,
        due_at_ms BIGINT,
        leased_until_ms BIGINT NOT NULL,
        PRIMARY KEY (account_id, id)
    )",
    "CREATE INDEX refunds_by_due ON refunds (due_at_ms) WHERE due_at_ms IS NOT NULL",
    "CREATE INDEX refunds_by_payment ON refunds (account_id, payment_id)",
    // What clients may want to hear of, written with what it tells. `data` is a JSON object.
    "CREATE TABLE events (
        account_id BIGINT NOT NULL,
        id BIGINT NOT NULL,
        type TEXT NOT NULL,
        data TEXT NOT NULL,
        created_at_ms BIGINT NOT NULL,
        PRIMARY KEY (account_id, id)
    )",
    // What is done once a day for the whole installation, by whichever worker claims it.
    "CREATE TABLE daily_work (
        name TEXT NOT NULL PRIMARY KEY,
        due_at_ms BIGINT NOT NULL,
        leased_until_ms BIGINT NOT NULL
    )",
    "INSERT INTO daily_work (name, due_at_ms, leased_until_ms) VALUES ('reconciliation', 0, 0)",
];

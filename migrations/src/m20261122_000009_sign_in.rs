//! Sign-in: who a person is, by what they prove it, and their sessions. And accounts that are suspended or erased.

use crate::dialect::{run, run_own};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_own(manager, &SQLITE_ACCOUNTS, &POSTGRES_ACCOUNTS).await?;
        run(manager, &ACCOUNTS).await?;
        run(manager, &SESSIONS).await
    }
}

/// Whoever comes by Telegram has no e-mail address. SQLite cannot lift a NOT NULL, so its table is made anew.
const SQLITE_ACCOUNTS: [&str; 4] = [
    "CREATE TABLE new_accounts (
        id INTEGER NOT NULL PRIMARY KEY,
        email TEXT,
        created_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
    "INSERT INTO new_accounts SELECT id, email, created_at_ms FROM accounts",
    "DROP TABLE accounts",
    "ALTER TABLE new_accounts RENAME TO accounts",
];

const POSTGRES_ACCOUNTS: [&str; 1] = ["ALTER TABLE accounts ALTER COLUMN email DROP NOT NULL"];

const ACCOUNTS: [&str; 12] = [
    "ALTER TABLE accounts ADD COLUMN name TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE accounts ADD COLUMN avatar_url TEXT",
    // Argon2id, as a PHC string.
    "ALTER TABLE accounts ADD COLUMN password_hash TEXT",
    "ALTER TABLE accounts ADD COLUMN telegram_id BIGINT",
    "ALTER TABLE accounts ADD COLUMN telegram_username TEXT",
    "ALTER TABLE accounts ADD COLUMN suspended_at_ms BIGINT",
    // When its person was erased, and when to look again whether anything of them is left; NULL when nothing is.
    "ALTER TABLE accounts ADD COLUMN erased_at_ms BIGINT",
    "ALTER TABLE accounts ADD COLUMN erasure_due_at_ms BIGINT",
    "CREATE INDEX accounts_by_erasure ON accounts (erasure_due_at_ms) WHERE erasure_due_at_ms IS NOT NULL",
    // 1 from the erasure on: nothing is begun any more.
    "ALTER TABLE wallets ADD COLUMN is_closed BIGINT NOT NULL DEFAULT 0 CHECK (is_closed IN (0, 1))",
    // What tells one master secret from another, and nothing else of it; NULL before the first process that needs one.
    "ALTER TABLE installation ADD COLUMN secret_check TEXT",
    "CREATE TABLE telegram_directory (
        telegram_id BIGINT NOT NULL PRIMARY KEY,
        account_id BIGINT NOT NULL
    )",
];

const SESSIONS: [&str; 3] = [
    // A sign-in that has not ended. Of a refresh token one part stays the same for as long as that lasts, and the other is new
    // each time: `family_hash` is the SHA-256 of the one, `token_hash` of the whole token that is good now, in hexadecimal.
    "CREATE TABLE sessions (
        account_id BIGINT NOT NULL,
        family_hash TEXT NOT NULL,
        token_hash TEXT NOT NULL,
        created_at_ms BIGINT NOT NULL,
        expires_at_ms BIGINT NOT NULL,
        PRIMARY KEY (account_id, family_hash)
    )",
    "CREATE INDEX sessions_by_expiry ON sessions (expires_at_ms)",
    "CREATE TABLE session_directory (
        family_hash TEXT NOT NULL PRIMARY KEY,
        account_id BIGINT NOT NULL
    )",
];

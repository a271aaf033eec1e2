//! Accounts and their API keys. What is looked up without knowing the account goes through a directory table.

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
                "CREATE TABLE accounts (
                    id BIGINT NOT NULL PRIMARY KEY,
                    email TEXT NOT NULL,
                    created_at_ms BIGINT NOT NULL
                )",
                // `email` in lower case, which is how it is compared.
                "CREATE TABLE email_directory (
                    email TEXT NOT NULL PRIMARY KEY,
                    account_id BIGINT NOT NULL
                )",
                "CREATE TABLE api_keys (
                    account_id BIGINT NOT NULL,
                    id BIGINT NOT NULL,
                    name TEXT NOT NULL,
                    prefix TEXT NOT NULL,
                    created_at_ms BIGINT NOT NULL,
                    revoked_at_ms BIGINT,
                    PRIMARY KEY (account_id, id)
                )",
                // `key_hash` is the SHA-256 of the key in hexadecimal; the key itself is nowhere.
                "CREATE TABLE api_key_directory (
                    key_hash TEXT NOT NULL PRIMARY KEY,
                    account_id BIGINT NOT NULL,
                    key_id BIGINT NOT NULL
                )",
            ],
        )
        .await
    }
}

//! Who has had the tokens that are given once. It outlives accounts, so it names nobody.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &TABLES).await
    }
}

const TABLES: [&str; 1] = [
    // An HMAC of what the person is known by; its key is not in the database.
    "CREATE TABLE starter_grants (identity_hash TEXT NOT NULL PRIMARY KEY)",
];

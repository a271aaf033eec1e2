//! Room beside each wallet.

use crate::dialect::run_own;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_own(manager, &[], &POSTGRES).await
    }
}

const POSTGRES: [&str; 1] = [
    // Each generation writes its wallet twice, and changes nothing in it that is in an index. Where the new version fits on the
    // page of the old one, no index is touched (HOT); on a page that is full it would not.
    "ALTER TABLE wallets SET (fillfactor = 50)",
];

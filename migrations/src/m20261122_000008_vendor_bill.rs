//! A vendor's bill counts what is under way, on the day on which it was begun.

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
                "DROP INDEX generations_by_vendor_cost",
                // A vendor's bill of a day is read from this alone, every second where it has a limit.
                "CREATE INDEX generations_by_vendor_bill
                    ON generations (created_at_ms, model_slug, completed_at_ms, vendor_cost_micro_usd)
                    WHERE vendor_cost_micro_usd IS NOT NULL",
            ],
        )
        .await
    }
}

//! What vendors charge us. It stands in the rows of generations, from the moment a hold is taken where the vendor has a limit,
//! so it outlives every process.

use crate::{
    Error, Storage,
    entity::generation::{Column, Entity},
};
use domain::{
    id::{AccountId, GenerationId},
    time::Timestamp,
};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QuerySelect,
    sea_query::{Alias, Expr, SimpleExpr},
};

/// What generations of one model cost at their vendor, in micro-dollars, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct VendorBill {
    /// The model.
    pub model_slug: String,
    /// Those that have ended.
    pub ended_micro_usd: i64,
    /// Those that are under way: at most.
    pub open_micro_usd: i64,
}

impl Storage {
    /// The bill of the generations of these models that were begun from `from` up to `until`.
    ///
    /// # Errors
    /// The database's.
    pub async fn vendor_bills(
        &self,
        model_slugs: &[&str],
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<VendorBill>, Error> {
        // Sums of BIGINT are cast back, for PostgreSQL makes them NUMERIC.
        let cost_if = |is: SimpleExpr| {
            let cost: SimpleExpr =
                Expr::case(is, Expr::col(Column::VendorCostMicroUsd)).finally(0_i64).into();
            cost.sum().cast_as(Alias::new("BIGINT"))
        };
        let query = Entity::find()
            .select_only()
            .column(Column::ModelSlug)
            .column_as(cost_if(Column::CompletedAtMs.is_not_null()), "ended_micro_usd")
            .column_as(cost_if(Column::CompletedAtMs.is_null()), "open_micro_usd")
            .filter(Column::VendorCostMicroUsd.is_not_null())
            .filter(Column::CreatedAtMs.gte(from.unix_ms()))
            .filter(Column::CreatedAtMs.lt(until.unix_ms()))
            .filter(Column::ModelSlug.is_in(model_slugs.iter().copied()))
            .group_by(Column::ModelSlug);
        Ok(query.into_model().all(self.db.reader()).await?)
    }

    /// Puts right what a generation costs that was ended before its vendor had said so. One that completed, or runs, is left
    /// alone: its own settle says it.
    ///
    /// # Errors
    /// The database's.
    pub async fn correct_vendor_cost(
        &self,
        account_id: AccountId,
        generation_id: GenerationId,
        cost_micro_usd: Option<i64>,
    ) -> Result<(), Error> {
        Entity::update_many()
            .col_expr(Column::VendorCostMicroUsd, Expr::value(cost_micro_usd))
            .filter(Column::AccountId.eq(account_id.0))
            .filter(Column::Id.eq(generation_id.0))
            .filter(Column::Status.eq("failed"))
            .exec(self.db.writer())
            .await?;
        Ok(())
    }
}

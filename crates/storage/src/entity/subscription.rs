use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscriptions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) plan: String,
    pub(crate) method: String,
    pub(crate) status: String,
    pub(crate) end_reason: Option<String>,
    pub(crate) anchor_at_ms: i64,
    pub(crate) cycle_index: i64,
    pub(crate) cycle_id: i64,
    pub(crate) cycle_starts_at_ms: i64,
    pub(crate) cycle_ends_at_ms: i64,
    pub(crate) price_currency: String,
    pub(crate) price_minor: i64,
    pub(crate) payment_id: i64,
    pub(crate) saved_method_id: Option<String>,
    pub(crate) is_method_gone: i64,
    pub(crate) payer_id: Option<String>,
    pub(crate) receipt_email: Option<String>,
    pub(crate) cancel_at_end: i64,
    pub(crate) next_plan: Option<String>,
    pub(crate) declines: i64,
    pub(crate) renewal_payment_id: Option<i64>,
    pub(crate) attention: Option<String>,
    pub(crate) created_at_ms: i64,
    pub(crate) due_at_ms: Option<i64>,
    pub(crate) leased_until_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

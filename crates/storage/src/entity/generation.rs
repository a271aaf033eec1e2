use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "generations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) key_id: i64,
    pub(crate) model_slug: String,
    pub(crate) category: String,
    pub(crate) status: String,
    pub(crate) price_tokens: i64,
    pub(crate) plan_tokens: i64,
    pub(crate) permanent_tokens: i64,
    pub(crate) cycle_id: Option<i64>,
    pub(crate) node_id: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) deadline_at_ms: i64,
    pub(crate) completed_at_ms: Option<i64>,
    pub(crate) error_code: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) vendor_cost_micro_usd: Option<i64>,
    pub(crate) result_metadata: Option<String>,
    pub(crate) error_details: Option<String>,
    pub(crate) key_month: Option<i64>,
    pub(crate) held_balance_tokens: Option<i64>,
    pub(crate) balance_tokens: Option<i64>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) refunded_tokens: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

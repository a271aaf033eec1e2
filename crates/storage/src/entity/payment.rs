use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payments")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) kind: String,
    pub(crate) item: String,
    pub(crate) tokens: i64,
    pub(crate) method: String,
    pub(crate) status: String,
    pub(crate) currency: String,
    pub(crate) amount_minor: i64,
    pub(crate) credit_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) reference: String,
    pub(crate) gateway_id: Option<String>,
    pub(crate) confirmation_url: Option<String>,
    pub(crate) return_url: Option<String>,
    pub(crate) receipt_email: Option<String>,
    pub(crate) saved_method_id: Option<String>,
    pub(crate) payer_id: Option<String>,
    pub(crate) paid_until_ms: Option<i64>,
    pub(crate) subscription_id: Option<i64>,
    pub(crate) cycle_index: Option<i64>,
    pub(crate) cycle_id: Option<i64>,
    pub(crate) replaces_subscription_id: Option<i64>,
    pub(crate) replaces_cycle_id: Option<i64>,
    pub(crate) trade_in_cycle_id: Option<i64>,
    pub(crate) trade_in_tokens: Option<i64>,
    pub(crate) trade_in_seen_available: Option<i64>,
    pub(crate) trade_in_seen_held: Option<i64>,
    pub(crate) decline: Option<String>,
    pub(crate) attention: Option<String>,
    pub(crate) checks: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) paid_at_ms: Option<i64>,
    pub(crate) due_at_ms: Option<i64>,
    pub(crate) leased_until_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

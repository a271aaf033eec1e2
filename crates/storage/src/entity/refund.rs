use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refunds")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) payment_id: i64,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) currency: String,
    pub(crate) amount_minor: i64,
    pub(crate) tokens: i64,
    pub(crate) owed_tokens: i64,
    pub(crate) cycle_id: Option<i64>,
    pub(crate) seen_available: i64,
    pub(crate) seen_held: i64,
    pub(crate) reference: String,
    pub(crate) gateway_id: Option<String>,
    pub(crate) reason: String,
    pub(crate) attention: Option<String>,
    pub(crate) checks: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) due_at_ms: Option<i64>,
    pub(crate) leased_until_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

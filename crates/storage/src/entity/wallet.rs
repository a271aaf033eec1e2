use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wallets")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) account_id: i64,
    pub(crate) plan_available: i64,
    pub(crate) permanent_available: i64,
    pub(crate) plan_held: i64,
    pub(crate) permanent_held: i64,
    pub(crate) cycle_id: Option<i64>,
    pub(crate) cycle_plan: Option<String>,
    pub(crate) cycle_starts_at_ms: Option<i64>,
    pub(crate) cycle_ends_at_ms: Option<i64>,
    pub(crate) cycle_plan_until_ms: Option<i64>,
    pub(crate) owed_tokens: i64,
    pub(crate) hour_started_at_ms: i64,
    pub(crate) hour_count: i64,
    pub(crate) day_started_at_ms: i64,
    pub(crate) day_count: i64,
    pub(crate) listens: i64,
    pub(crate) is_closed: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

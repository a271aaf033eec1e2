use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoints")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) url: String,
    pub(crate) events: Option<String>,
    pub(crate) rotation: i64,
    pub(crate) oldest_rotation: i64,
    pub(crate) rotated_at_ms: Option<i64>,
    pub(crate) disabled_at_ms: Option<i64>,
    pub(crate) failing_since_ms: Option<i64>,
    pub(crate) last_error: Option<String>,
    pub(crate) created_at_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

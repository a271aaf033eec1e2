use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) endpoint_id: i64,
    pub(crate) event_id: i64,
    pub(crate) url: String,
    pub(crate) host: String,
    pub(crate) lane: i64,
    pub(crate) status: String,
    pub(crate) attempts: i64,
    pub(crate) is_redelivery: i64,
    pub(crate) due_at_ms: Option<i64>,
    pub(crate) give_up_at_ms: i64,
    pub(crate) claim: i64,
    pub(crate) leased_until_ms: i64,
    pub(crate) response_status: Option<i64>,
    pub(crate) error: Option<String>,
    pub(crate) last_attempt_at_ms: Option<i64>,
    pub(crate) created_at_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

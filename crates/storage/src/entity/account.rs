use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) email: Option<String>,
    pub(crate) created_at_ms: i64,
    pub(crate) name: String,
    pub(crate) avatar_url: Option<String>,
    pub(crate) password_hash: Option<String>,
    pub(crate) telegram_id: Option<i64>,
    pub(crate) telegram_username: Option<String>,
    pub(crate) suspended_at_ms: Option<i64>,
    pub(crate) erased_at_ms: Option<i64>,
    pub(crate) erasure_due_at_ms: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

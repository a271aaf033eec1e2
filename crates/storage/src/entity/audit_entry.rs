use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entries")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) operator: String,
    pub(crate) command: String,
    pub(crate) account_id: Option<i64>,
    pub(crate) details: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) outcome: String,
    pub(crate) message: Option<String>,
    pub(crate) begun_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

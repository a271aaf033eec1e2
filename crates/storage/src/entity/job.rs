use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) generation_id: i64,
    pub(crate) call: String,
    pub(crate) state: String,
    pub(crate) progress: Option<i64>,
    pub(crate) polls: i64,
    pub(crate) poll_at_ms: i64,
    pub(crate) deadline_at_ms: i64,
    pub(crate) claim: i64,
    pub(crate) leased_until_ms: i64,
    pub(crate) product: Option<String>,
    pub(crate) hints: i64,
    pub(crate) troubles: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

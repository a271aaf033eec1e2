use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_entries")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) reason: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) source_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) debit: String,
    pub(crate) credit: String,
    pub(crate) amount_tokens: i64,
    pub(crate) created_at_ms: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! The database schema, step by step, for SQLite and PostgreSQL.
//!
//! Tables are written as SQL that both databases read, names as strings: a migration must not change when an entity
//! does. Money and instants are integers (`_tokens`, `_ms`), so both databases hold the same numbers.

mod dialect;
mod m20261122_000001_installation;
mod m20261122_000002_accounts;
mod m20261122_000003_ledger;
mod m20261122_000004_media;
mod m20261122_000005_media_work;
mod m20261122_000006_billing;
mod m20261122_000007_admission;
mod m20261122_000008_vendor_bill;
mod m20261122_000009_sign_in;
mod m20261122_000010_records;
mod m20261122_000011_webhooks;
mod m20261122_000012_audit;
mod m20261122_000013_starter_grants;
mod m20261122_000014_wallet_room;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{MigrationTrait, async_trait};

/// All migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_installation::Migration),
            Box::new(m20261122_000002_accounts::Migration),
            Box::new(m20261122_000003_ledger::Migration),
            Box::new(m20261122_000004_media::Migration),
            Box::new(m20261122_000005_media_work::Migration),
            Box::new(m20261122_000006_billing::Migration),
            Box::new(m20261122_000007_admission::Migration),
            Box::new(m20261122_000008_vendor_bill::Migration),
            Box::new(m20261122_000009_sign_in::Migration),
            Box::new(m20261122_000010_records::Migration),
            Box::new(m20261122_000011_webhooks::Migration),
            Box::new(m20261122_000012_audit::Migration),
            Box::new(m20261122_000013_starter_grants::Migration),
            Box::new(m20261122_000014_wallet_room::Migration),
        ]
    }
}

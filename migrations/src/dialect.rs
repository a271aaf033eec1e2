//! Where the two databases differ.

use sea_orm_migration::{
    SchemaManager,
    sea_orm::{ConnectionTrait, DbBackend, DbErr},
};

/// Runs statements that both databases read. `BIGINT` becomes SQLite's `INTEGER`, and its tables are strict and clustered
/// by their primary key.
pub(crate) async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for statement in statements {
        let is_table = statement.trim_start().starts_with("CREATE TABLE");
        let statement = match manager.get_database_backend() {
            DbBackend::Sqlite => {
                let suffix = if is_table { " STRICT, WITHOUT ROWID" } else { "" };
                format!("{}{suffix}", statement.replace("BIGINT", "INTEGER"))
            }
            _ => (*statement).to_owned(),
        };
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// Runs the statements written for the database at hand.
pub(crate) async fn run_own(
    manager: &SchemaManager<'_>,
    sqlite: &[&str],
    postgres: &[&str],
) -> Result<(), DbErr> {
    let statements = match manager.get_database_backend() {
        DbBackend::Sqlite => sqlite,
        _ => postgres,
    };
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}

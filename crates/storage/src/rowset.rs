//! Rows that go to the database as one JSON document. The text of a statement is the same then for any number of them: the
//! database plans it once, and one round trip carries a whole batch.

use sea_orm::{
    ColumnTrait, ColumnType, ConnectionTrait, DbBackend, DbErr, EntityTrait, IdenStatic, Iterable, Statement,
};
use serde::Serialize;
use std::fmt::Write;

/// A column of such rows: its name in the document, and whether it is a number; else it is text.
pub(crate) type Column = (String, bool);

/// The document of `rows`, which name their columns.
pub(crate) fn document<T: Serialize>(rows: &[T]) -> Result<String, DbErr> {
    serde_json::to_string(rows).map_err(|error| DbErr::Custom(error.to_string()))
}

/// The columns of a table.
pub(crate) fn columns_of<E: EntityTrait>() -> Vec<Column> {
    let is_number = |column: &E::Column| matches!(column.def().get_column_type(), ColumnType::BigInteger);
    E::Column::iter().map(|column| (column.as_str().to_owned(), is_number(&column))).collect()
}

/// Their names.
pub(crate) fn names_of<E: EntityTrait>() -> Vec<&'static str> {
    E::Column::iter().map(|column| column.as_str()).collect()
}

/// The rows of a table whose `columns` are those of one of `rows`.
pub(crate) async fn find<E: EntityTrait, R: Serialize, C: ConnectionTrait>(
    db: &C,
    columns: &[(&str, bool)],
    named: &[R],
) -> Result<Vec<E::Model>, DbErr> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let backend = db.get_database_backend();
    let selected = names_of::<E>().iter().map(|name| format!("t.{name}")).collect::<Vec<_>>().join(", ");
    let joined =
        columns.iter().map(|(name, _)| format!("t.{name} = v.{name}")).collect::<Vec<_>>().join(" AND ");
    let columns: Vec<_> = columns.iter().map(|(name, is_number)| ((*name).to_owned(), *is_number)).collect();
    let (v, table) = (rows(backend, 1, &columns), E::default().table_name().to_owned());
    let sql = format!("SELECT {selected} FROM {v} JOIN {table} t ON {joined}");
    let statement = Statement::from_sql_and_values(backend, sql, [document(named)?.into()]);
    E::find().from_raw_sql(statement).all(db).await
}

/// What a statement selects from to read the rows of its `parameter`th parameter, under the name `v`. Each has an `account_id`.
/// PostgreSQL takes a document for a hundred rows and, as long as a table is small, rather reads all of that than look them up;
/// and keeps to it when the table has grown. By a condition that says nothing it takes them for one row.
pub(crate) fn rows(backend: DbBackend, parameter: usize, columns: &[Column]) -> String {
    let mut list = String::with_capacity(columns.len() * 32);
    for (index, (name, is_number)) in columns.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = match (backend, is_number) {
            (DbBackend::Postgres, true) => write!(list, "{comma}{name} bigint"),
            (DbBackend::Postgres, false) => write!(list, "{comma}{name} text"),
            _ => write!(list, "{comma}value ->> '{name}' AS {name}"),
        };
    }
    match backend {
        DbBackend::Postgres => {
            let read = format!("json_to_recordset(${parameter}::json) AS v({list})");
            format!("(SELECT * FROM {read} WHERE v.account_id - v.account_id = 0) AS v")
        }
        _ => format!("(SELECT {list} FROM json_each(${parameter})) AS v"),
    }
}

/// A condition that `column` is one of the numbers in the document of the first parameter.
pub(crate) fn is_among(backend: DbBackend, column: &str) -> String {
    match backend {
        // An array, so that the planner does not take the numbers for a table to join with.
        DbBackend::Postgres => {
            format!("{column} = ANY (ARRAY(SELECT json_array_elements_text($1::json)::bigint))")
        }
        _ => format!("{column} IN (SELECT value FROM json_each($1))"),
    }
}

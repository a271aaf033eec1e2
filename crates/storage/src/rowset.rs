//! Rows that go to the database as one JSON document. The text of a statement is the same then for any number of them: the
//! database plans it once, and one round trip carries a whole batch.

use sea_orm::{ColumnTrait, ColumnType, DbBackend, DbErr, EntityTrait, IdenStatic, Iterable};
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

/// What a statement selects from to read the rows of its `parameter`th parameter, under the name `v`.
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
        DbBackend::Postgres => format!("json_to_recordset(${parameter}::json) AS v({list})"),
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

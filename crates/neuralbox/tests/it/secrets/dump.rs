//! All that a database holds, as text.

use std::path::Path;
use testkit::{Auditor, TestDatabase};

/// How many cells there are, and every column of every row; and of SQLite the bytes of its files, in which there is more than that.
pub(super) async fn all(database: &TestDatabase) -> (usize, Vec<(String, String)>) {
    let auditor = database.auditor().await;
    let (mut cells, mut pieces) = (0, Vec::new());
    for (table, columns) in columns(database, &auditor).await {
        let names: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for row in auditor.read(&format!("\"{table}\""), &names).await {
            cells += row.len();
            pieces.push((format!("table {table}"), row.join("\n")));
        }
    }
    if let Some(path) = database.url.strip_prefix("sqlite://").and_then(|url| url.split('?').next()) {
        for file in [path.to_owned(), format!("{path}-wal")] {
            if Path::new(&file).exists() {
                let bytes = std::fs::read(&file).unwrap();
                pieces.push((file, String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
    (cells, pieces)
}

/// The tables, each with its columns.
async fn columns(database: &TestDatabase, auditor: &Auditor) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    if database.url.starts_with("sqlite:") {
        for table in auditor.read("sqlite_master WHERE type = 'table'", &["name"]).await.concat() {
            let columns = auditor.read(&format!("pragma_table_info('{table}')"), &["name"]).await.concat();
            found.push((table, columns));
        }
    } else {
        let tables = "information_schema.tables WHERE table_schema = 'public'";
        for table in auditor.read(tables, &["table_name"]).await.concat() {
            let of_it = format!(
                "information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}'"
            );
            let columns = auditor.read(&of_it, &["column_name"]).await.concat();
            found.push((table, columns));
        }
    }
    found
}

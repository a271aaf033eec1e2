//! One short test for each promise of `docs/promises.md`, by its number and from outside: over HTTP, on both databases. What
//! goes deeper stands in the modules that the document names.

mod grants;
mod requests;
mod tokens;

use testkit::{Account, TestDatabase};

/// The entries of an account: reason, debit, credit, tokens, source.
async fn entries(database: &TestDatabase, account: &Account) -> Vec<[String; 5]> {
    let columns = ["reason", "debit", "credit", "amount_tokens", "source_id"];
    let own = format!("ledger_entries WHERE account_id = {} ORDER BY created_at_ms, source_id", account.id);
    let rows = database.auditor().await.read(&own, &columns).await;
    rows.into_iter().map(|row| row.try_into().unwrap()).collect()
}

//! A database of an earlier version, brought up to date with what is in it.

use domain::{
    id::AccountId,
    time::{Day, Timestamp},
};
use migrations::{Migrator, MigratorTrait};
use sea_orm::Database;
use std::sync::Arc;
use storage::SchemaState;
use testkit::{Backend, ManualClock};

/// As of the migration of vendors' bills: one account with a key, and generations of several kinds.
const ROWS: [&str; 8] = [
    "INSERT INTO accounts (id, email, created_at_ms) VALUES (7, 'Ann@example.org', 1)",
    "INSERT INTO email_directory (email, account_id) VALUES ('ann@example.org', 7)",
    "INSERT INTO api_keys (account_id, id, name, prefix, created_at_ms) VALUES (7, 8, 'first', 'nb_1', 1)",
    "INSERT INTO api_key_directory (key_hash, account_id, key_id) VALUES ('hash', 7, 8)",
    "INSERT INTO wallets (account_id, plan_available, permanent_available, plan_held, permanent_held)
        VALUES (7, 0, 90, 0, 2)",
    "INSERT INTO ledger_entries (account_id, reason, source_id, debit, credit, amount_tokens, created_at_ms)
        VALUES (7, 'grant', 9, 'issued', 'permanent', 100, 1), (7, 'charge', 11, 'permanent', 'spent', 2, 1),
            (7, 'charge', 12, 'permanent', 'spent', 3, 1), (7, 'charge', 13, 'permanent', 'spent', 3, 1)",
    "INSERT INTO generations (account_id, id, key_id, model_slug, status, price_tokens, plan_tokens,
            permanent_tokens, node_id, created_at_ms, deadline_at_ms, completed_at_ms, error_code)
        VALUES (7, 11, 8, 'gpt-5', 'completed', 2, 0, 2, 1, 1, 2, 1, NULL),
            (7, 12, 8, 'photon-1', 'completed', 3, 0, 3, 1, 1, 2, 1, NULL),
            (7, 13, 8, 'gone-since', 'completed', 3, 0, 3, 1, 1, 2, 1, NULL),
            (7, 14, 8, 'whisper', 'failed', 3, 0, 3, 1, 1, 2, 1, 'timeout'),
            (7, 15, 8, 'mj-video-720p', 'pending', 2, 0, 2, 1, 1, 2, NULL, NULL)",
    "INSERT INTO generation_contents (account_id, generation_id, prompt, result_text)
        VALUES (7, 11, 'hello', 'world')",
];
/// How many migrations that version had.
const BEFORE: u32 = 8;

#[tokio::test]
async fn an_earlier_sqlite_is_brought_up_to_date() {
    bring_up_to_date(Backend::Sqlite).await;
}

#[tokio::test]
async fn an_earlier_postgres_is_brought_up_to_date() {
    bring_up_to_date(Backend::Postgres).await;
}

async fn bring_up_to_date(backend: Backend) {
    let Some(database) = testkit::empty_database(backend).await else { return };
    let db = Database::connect(&database.url).await.unwrap();
    Migrator::up(&db, Some(BEFORE)).await.unwrap();
    for sql in ROWS {
        database.execute(sql).await.unwrap();
    }
    db.close().await.unwrap();

    let storage = database.storage(Arc::new(ManualClock::default())).await;
    assert_eq!(storage.schema_state().await.unwrap(), SchemaState::Older);
    storage.migrate().await.unwrap();
    assert_eq!(storage.schema_state().await.unwrap(), SchemaState::Current);

    let auditor = database.auditor().await;
    let categories = auditor.read("generations ORDER BY id", &["category"]).await.concat();
    assert_eq!(categories, ["text", "image", "text", "stt", "video"]);
    let account_id = AccountId(7);
    let account = storage.account_by_email("ANN@example.org").await.unwrap().unwrap();
    assert_eq!((account.id, account.email.as_deref()), (account_id, Some("Ann@example.org")));
    assert_eq!((account.has_password, account.suspended_at, account.erased_at), (false, None, None));
    assert_eq!(storage.principal("hash").await.unwrap().unwrap().account_id, account_id);
    let usage = storage.usage(account_id, Day::of(Timestamp::from_unix_ms(0))).await.unwrap();
    assert_eq!(usage.iter().map(|usage| usage.spent_tokens).sum::<i64>(), 8);
    let wallet = storage.ledger().wallet(account_id).await.unwrap();
    assert_eq!((wallet.permanent_available, wallet.permanent_held, wallet.is_closed), (90, 2, false));
    let report = storage.ledger().verify().await.unwrap();
    assert_eq!((report.problems, report.open_holds), (Vec::new(), 1));
    let contents = auditor.read("generation_contents", &["prompt", "result_text", "expires_at_ms"]).await;
    assert_eq!(contents.concat(), ["hello", "world", ""]);
}

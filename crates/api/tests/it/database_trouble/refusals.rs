//! What PostgreSQL refuses to write, for a while or until somebody makes room.

use super::{PRICE_TOKENS, generate, goes_on, postgres, told_to_come_back};
use std::time::Duration;
use testkit::{Service, TestDatabase};

/// Where a hold is written, and where a settle is.
const TABLES: [&str; 2] = ["generations", "ledger_entries"];

/// Has PostgreSQL refuse to add to `table`, with that code, the next `times`. A sequence counts them, for that is not undone
/// with the transaction.
async fn refuse(database: &TestDatabase, table: &str, code: &str, times: u64) {
    for sql in [
        "CREATE SEQUENCE IF NOT EXISTS refusals".to_owned(),
        "ALTER SEQUENCE refusals RESTART".to_owned(),
        format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF nextval('refusals') <= {times} THEN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END IF; \
             RETURN NEW; END $$"
        ),
        format!("CREATE TRIGGER refused BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"),
    ] {
        database.execute(&sql).await.unwrap();
    }
}

async fn refuse_no_more(database: &TestDatabase, table: &str) {
    database.execute(&format!("DROP TRIGGER refused ON {table}")).await.unwrap();
}

/// As often as nobody tries.
const FOR_EVER: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lost_against_another_is_tried_again() {
    let Some(database) = postgres().await else { return };
    let service = Service::start(&database).await;
    let account = service.account_with(100).await;
    let (mut left, mut calls) = (100, service.calls().await);
    for table in TABLES {
        // serialization_failure, deadlock_detected
        for code in ["40001", "40P01"] {
            refuse(&database, table, code, 3).await;
            let body = generate(&service, &account).await.expect(200);
            (left, calls) = (left - PRICE_TOKENS, calls + 1);
            assert_eq!(body["balance_remaining"], left, "{table} {code}");
            assert_eq!(service.calls().await, calls, "{table} {code}");
            refuse_no_more(&database, table).await;
        }
    }
    goes_on(&service, &account, left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_held_is_told_and_over_without_a_restart() {
    let Some(database) = postgres().await else { return };
    let service = Service::start(&database).await;
    let account = service.account_with(100).await;
    let calls = service.calls().await;
    // serialization_failure, disk_full, read_only_sql_transaction, too_many_connections, io_error
    for code in ["40001", "53100", "25006", "53300", "58030"] {
        refuse(&database, "generations", code, FOR_EVER).await;
        told_to_come_back(&generate(&service, &account).await);
        assert_eq!(service.balance(&account.key).await, 100, "{code}");
        refuse_no_more(&database, "generations").await;
    }
    assert_eq!(service.calls().await, calls);
    goes_on(&service, &account, 100).await;
}

/// Long enough for several attempts to write.
const FULL_FOR: Duration = Duration::from_millis(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_settled_waits_for_room() {
    let Some(database) = postgres().await else { return };
    let service = Service::start(&database).await;
    let account = service.account_with(100).await;
    // disk_full
    refuse(&database, "ledger_entries", "53100", FOR_EVER).await;
    let mut events = service.stream(&account.key, "gpt-5", "hello").await;
    let start = events.next().await.unwrap();
    while let Ok(event) = tokio::time::timeout(FULL_FOR, events.next()).await {
        assert_eq!(event.unwrap()["type"], "content_delta");
    }
    refuse_no_more(&database, "ledger_entries").await;
    let end = events.next().await.unwrap();
    assert_eq!((&end["type"], &end["id"]), (&"generation_end".into(), &start["id"]), "{end}");
    goes_on(&service, &account, 100 - PRICE_TOKENS).await;
}

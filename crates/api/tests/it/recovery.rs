//! What becomes of holds when the process that took them is gone, or goes.

use crate::{ended, refused};
use futures_util::future::join_all;
use serde_json::json;
use std::{pin::pin, sync::Arc, time::Duration};
use testkit::{
    Account, Backend, CommitGate, RawServer, Service, Setup, TestDatabase, Then, eventually, plain,
};

testkit::on_each_database!(
    a_silent_process_loses_its_holds_once,
    a_process_that_beats_keeps_its_holds,
    what_does_not_finish_before_the_end_is_given_back,
    what_finishes_before_the_end_is_charged,
    what_is_not_fetched_before_the_end_goes_on_as_a_job,
    a_process_that_was_taken_for_dead_takes_one_new_name,
    a_hold_that_no_task_works_on_is_given_back,
    an_overdue_hold_is_given_back_whoever_has_it,
    a_hold_that_the_database_lost_charges_nothing,
);

/// Lets 10 s pass, in which the living say that they live, and recovers. Gives how many holds were released.
async fn ten_seconds_pass(service: &Service, living: &[&Service]) -> usize {
    service.clock.advance_ms(10_000);
    for process in living {
        process.app.heartbeat().await.unwrap();
    }
    service.app.recover().await.unwrap().released_holds
}

async fn a_silent_process_loses_its_holds_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let silent = service.another(&database).await;
    let account = service.account_with(10).await;
    // It answers long after its process was found dead: minutes of the manual clock pass in no time.
    let mut events = silent.stream(&account.key, "gpt-5", "[[delay:3000]] hello").await;
    let id = events.next().await.unwrap()["id"].clone();
    assert_eq!(service.balance(&account.key).await, 8);

    let mut released = Vec::new();
    for _ in 0..8 {
        released.push(ten_seconds_pass(&service, &[&service]).await);
    }
    assert_eq!(released.iter().sum::<usize>(), 1, "{released:?}");
    assert_eq!(service.balance(&account.key).await, 10);
    let record = service.get(&format!("/generate/{id}"), &account.key).await.expect(200);
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("failed"), &json!(0)));
    assert_eq!(record["error_code"], "overloaded", "{record}");
    let report = service.assert_verifies().await;
    assert_eq!(report.open_holds, 0);

    // The late answer is neither charged nor taken for a success.
    let mut last = events.next().await.unwrap();
    while last["type"] == "content_delta" {
        last = events.next().await.unwrap();
    }
    assert_eq!(last["type"], "error", "{last}");
    assert_eq!((&last["error"], &last["message"]), (&json!("overloaded"), &record["error"]), "{last}");
    assert_eq!(service.balance(&account.key).await, 10);
    assert_eq!(service.get(&format!("/generate/{id}"), &account.key).await.expect(200), record);
    assert_eq!(service.assert_verifies().await.entries, report.entries);
    // It finds out that it was taken for dead, and goes on.
    silent.app.heartbeat().await.unwrap();
    silent.generate(&account.key, "gpt-5", "hello").await.expect(200);
    assert_eq!(service.balance(&account.key).await, 8);
}

async fn a_process_that_beats_keeps_its_holds(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account_with(10).await;
    let mut events = other.stream(&account.key, "gpt-5", "[[delay:1500]] hello").await;
    let id = events.next().await.unwrap()["id"].clone();
    for _ in 0..6 {
        assert_eq!(ten_seconds_pass(&service, &[&service, &other]).await, 0);
    }
    assert_eq!(ended(&service, &account.key, &id).await["status"], "completed");
    assert_eq!(service.balance(&account.key).await, 8);
    service.assert_verifies().await;
}

/// Shuts the service down while a generation of `prompt` runs, and gives the generation's record, read elsewhere.
async fn shut_down_during(
    database: &TestDatabase,
    setup: Setup,
    prompt: &str,
) -> (Service, Account, serde_json::Value) {
    let service = Service::start_with(database, setup).await;
    let survivor = service.another(database).await;
    let account = survivor.account_with(10).await;
    let mut events = service.stream(&account.key, "gpt-5", prompt).await;
    let id = events.next().await.unwrap()["id"].clone();
    service.app.shut_down().await;
    refused(&service.generate(&account.key, "gpt-5", "hello").await, 503, "overloaded");
    let record = survivor.get(&format!("/generate/{id}"), &account.key).await.expect(200);
    (survivor, account, record)
}

async fn what_does_not_finish_before_the_end_is_given_back(database: TestDatabase) {
    let setup = Setup { shutdown_grace_ms: 50, ..Setup::default() };
    let (survivor, account, record) = shut_down_during(&database, setup, "[[fault:hang]]").await;
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("failed"), &json!(0)));
    assert_eq!(survivor.balance(&account.key).await, 10);
    assert_eq!(survivor.assert_verifies().await.open_holds, 0);
}

async fn what_finishes_before_the_end_is_charged(database: TestDatabase) {
    let (survivor, account, record) = shut_down_during(&database, Setup::default(), "[[delay:200]] hi").await;
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("completed"), &json!(2)));
    assert_eq!(survivor.balance(&account.key).await, 8);
    assert_eq!(survivor.assert_verifies().await.open_holds, 0);
}

/// What is made and paid for is fetched by whoever comes after.
async fn what_is_not_fetched_before_the_end_goes_on_as_a_job(database: TestDatabase) {
    let silent = RawServer::start(Vec::new(), Then::Hang).await;
    let answer = json!({
        "data": { "audio": format!("{}/speech.mp3", silent.url) },
        "base_resp": { "status_code": 0, "status_msg": "success" },
    });
    let answer = answer.to_string().into_bytes();
    let vendor = RawServer::start(plain(&answer, answer.len()), Then::Close).await;
    let vendors_url = Some(&*Box::leak(vendor.url.into_boxed_str()));
    let setup = Setup { vendors_url, shutdown_grace_ms: 50, ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let survivor = service.another_with(&database, setup).await;
    let account = survivor.account_with(100).await;
    let body = json!({ "model": "minimax-tts", "text": "Hello. ".repeat(30) });
    let begun = service.prefer(&account.key, "respond-async", &body).await.expect(202);
    eventually(async || (silent.requests() == 1).then_some(())).await;
    tokio::time::timeout(Duration::from_secs(20), service.app.shut_down()).await.expect("it ends");
    service.app.sign_off().await;
    assert!(survivor.is_job(&account, &begun["id"]).await);
    assert_eq!(survivor.app.recover().await.unwrap().released_holds, 0);
    assert_eq!(survivor.generation(&account.key, &begun["id"]).await["status"], "pending");
}

async fn a_process_that_was_taken_for_dead_takes_one_new_name(database: TestDatabase) {
    let service = &Service::start(&database).await;
    let account = service.account("vip", 0).await;
    service.clock.advance_ms(30_000);
    database.execute("UPDATE nodes SET status = 'dead'").await.unwrap();
    let beats = join_all((0..8).map(|_| service.app.heartbeat()));
    let asked = join_all((0..8).map(|_| service.generate(&account.key, "gpt-5", "hello")));
    let (beats, asked) = tokio::join!(beats, asked);
    assert!(beats.iter().all(Result::is_ok), "{beats:?}");
    for reply in asked {
        reply.expect(200);
    }
    let auditor = database.auditor().await;
    let alive = auditor.read("nodes WHERE status = 'alive'", &["id"]).await;
    assert_eq!(alive.len(), 1, "{alive:?}");
    let names = auditor.read("generations GROUP BY node_id", &["node_id"]).await;
    assert_eq!(names, alive);
    service.assert_verifies().await;
}

async fn a_hold_that_no_task_works_on_is_given_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    let mut events = service.stream(&account.key, "gpt-5", "[[delay:60000]] hello").await;
    let running = events.next().await.unwrap()["id"].clone();
    // As if its task had been lost in a panic.
    let orphan = service.spender().await.hold(&account, 3).await.unwrap();
    let own = format!("(SELECT node_id FROM generations WHERE id = {running})");
    database.execute(&format!("UPDATE generations SET node_id = {own} WHERE id = {orphan}")).await.unwrap();
    // It is young, and may be on its way into the list of what runs.
    service.app.release_own_lost_holds().await.unwrap();
    assert_eq!(service.balance(&account.key).await, 5);
    service.clock.advance_ms(10_001);
    service.app.release_own_lost_holds().await.unwrap();
    assert_eq!(service.balance(&account.key).await, 8);
    assert_eq!(service.generation(&account.key, &running).await["status"], "pending");
    assert_eq!(service.assert_verifies().await.open_holds, 1);
}

/// A process minds its own deadlines; one that is out of its mind lives, and does not.
async fn an_overdue_hold_is_given_back_whoever_has_it(database: TestDatabase) {
    const DEADLINE_MS: i64 = 62_000;
    const OVERDUE_MS: i64 = 600_000;
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account_with(10).await;
    let mut events = other.stream(&account.key, "gpt-5", "[[delay:60000]] hello").await;
    let id = events.next().await.unwrap()["id"].clone();
    for (ms, released) in [(DEADLINE_MS + OVERDUE_MS, 0), (1, 1), (1, 0)] {
        service.clock.advance_ms(ms);
        for process in [&service, &other] {
            process.app.heartbeat().await.unwrap();
        }
        assert_eq!(service.app.recover().await.unwrap().released_holds, released);
    }
    assert_eq!(service.generation(&account.key, &id).await["error_code"], "overloaded");
    assert_eq!(service.balance(&account.key).await, 10);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

/// The wait for the ledger may be long enough for others to take this process for dead. A trigger waits here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_was_given_back_meanwhile_reaches_no_vendor() {
    let Some(database) = testkit::database(Backend::Postgres).await else { return };
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    let trigger = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS
            $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$;
        CREATE TRIGGER wait BEFORE INSERT ON generations FOR EACH ROW EXECUTE FUNCTION wait()";
    database.execute(trigger).await.unwrap();
    let gate = database.open_transaction("SELECT pg_advisory_xact_lock(7)").await;
    let meanwhile = async {
        let auditor = database.auditor().await;
        let waiting = "pg_locks WHERE NOT granted AND locktype = 'advisory'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        eventually(async || auditor.read(waiting, &["pid"]).await.pop()).await;
        service.clock.advance_ms(30_000);
        database.execute("UPDATE nodes SET status = 'dead'").await.unwrap();
        gate.end().await;
    };
    let (reply, ()) = tokio::join!(service.generate(&account.key, "gpt-5", "hello"), meanwhile);
    refused(&reply, 503, "overloaded");
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 10));
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

/// As when PostgreSQL is killed before a hold has reached its disk that nobody had been told of.
async fn a_hold_that_the_database_lost_charges_nothing(database: TestDatabase) {
    let gate = Arc::new(CommitGate::default());
    let service = Service::start_behind(&database, gate.clone()).await;
    let account = service.account_with(10).await;
    gate.shut();
    let mut asking = pin!(service.generate(&account.key, "gpt-5", "hello"));
    tokio::select! {
        reply = &mut asking => panic!("answered before its hold was known: {reply:?}"),
        () = gate.arrival() => {}
    }
    let loss = "DELETE FROM generations WHERE status = 'pending'; UPDATE wallets SET permanent_available = 10, permanent_held = 0";
    database.execute(loss).await.unwrap();
    gate.open();
    refused(&asking.await, 503, "overloaded");
    assert_eq!((service.calls().await, service.balance(&account.key).await), (1, 10));
    assert_eq!(service.assert_verifies().await.open_holds, 0);
    service.generate(&account.key, "gpt-5", "hello").await.expect(200);
    assert_eq!(service.balance(&account.key).await, 8);
}

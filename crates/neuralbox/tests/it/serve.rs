//! A server that is killed, and one that is asked to end.

use crate::installation::{Installation, Server};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{TestDatabase, within};

testkit::on_each_database!(
    a_hold_does_not_outlive_a_crash,
    asked_to_end_it_finishes_what_runs,
    logs_that_nobody_reads_change_nothing,
    a_database_is_for_the_sandbox_or_for_vendors,
    a_process_with_another_secret_does_not_start,
);

/// How long after a restart a hold that nobody works on may stand.
const GONE_WITHIN: Duration = Duration::from_secs(60);

/// Starts a streamed generation that costs 2 tokens, and reads as far as its id.
async fn begin(server: &Server, key: &str, prompt: &str) -> (Response, Value) {
    let body = json!({ "model": "gpt-5", "prompt": prompt });
    let mut response =
        server.request(Method::POST, "/generate/stream", key, Some(&body)).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let chunk = response.chunk().await.unwrap().unwrap();
    let line = std::str::from_utf8(&chunk).unwrap().lines().next().unwrap();
    let start: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(start["type"], "generation_start");
    (response, start["id"].clone())
}

async fn a_hold_does_not_outlive_a_crash(database: TestDatabase) {
    let installation = Installation::new(database);
    let (_, key) = installation.account("anna@example.org", 0);
    let server = installation.serve(&["--sandbox"]);
    let done = json!({ "model": "gpt-5", "prompt": "hello" });
    server.ask(Method::POST, "/generate", &key, Some(&done)).await.expect(200);
    let (response, id) = begin(&server, &key, "[[fault:hang]]").await;
    assert_eq!(server.balance(&key).await, 1_496);
    server.kill();
    drop(response);
    let report = installation.json(&["ledger", "verify", "--json"]);
    assert_eq!((&report["clean"], &report["open_holds"]), (&json!(true), &json!(1)));

    let server = installation.serve(&["--sandbox"]);
    within(GONE_WITHIN, async || (server.balance(&key).await == 1_498).then_some(())).await;
    let record = server.ask(Method::GET, &format!("/generate/{id}"), &key, None).await.expect(200);
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("failed"), &json!(0)));
    let report = installation.json(&["ledger", "verify", "--json"]);
    assert_eq!((&report["clean"], &report["open_holds"]), (&json!(true), &json!(0)));
    server.ask(Method::POST, "/generate", &key, Some(&done)).await.expect(200);
}

async fn asked_to_end_it_finishes_what_runs(database: TestDatabase) {
    let installation = Installation::new(database);
    let (_, key) = installation.account("anna@example.org", 0);
    let server = installation.serve(&["--sandbox"]);
    let (response, _) = begin(&server, &key, "[[delay:700]] hello").await;
    server.terminate();
    let rest = response.text().await.unwrap();
    assert!(rest.contains("generation_end") && rest.contains("\"balance_remaining\":1498"), "{rest}");
    assert!(rest.trim_end().ends_with("[DONE]"), "{rest}");
    let (code, said) = server.ended().await;
    assert_eq!(code, Some(0), "{said}");
    let report = installation.json(&["ledger", "verify", "--json"]);
    let expected = json!({
        "clean": true, "wallets": 1, "entries": 2, "generations": 1, "open_holds": 0, "problems": [],
    });
    assert_eq!(report, expected);
}

async fn logs_that_nobody_reads_change_nothing(database: TestDatabase) {
    let installation = Installation::new(database);
    let (_, key) = installation.account("anna@example.org", 0);
    let server = installation.serve_unheard(&["--sandbox"]);
    let prompt = |prompt: &str| json!({ "model": "gpt-5", "prompt": prompt });
    server.ask(Method::POST, "/generate", &key, Some(&prompt("hello"))).await.expect(200);
    server.ask(Method::POST, "/generate", &key, Some(&prompt("[[fault:cut]]"))).await.expect(500);
    assert_eq!(server.balance(&key).await, 1_498);
    server.terminate();
    assert_eq!(server.ended().await.0, Some(0));
    assert_eq!(installation.json(&["ledger", "verify", "--json"])["open_holds"], 0);
}

async fn a_database_is_for_the_sandbox_or_for_vendors(database: TestDatabase) {
    let installation = Installation::new(database);
    installation.serve(&["--sandbox"]).kill();
    installation.run(&["serve"]).failed("marked sandbox");
    installation.serve(&["--sandbox", "--no-worker"]).kill();

    let live = "UPDATE installation SET mode = 'live'";
    installation.database.execute(live).await.unwrap();
    installation.run(&["serve", "--sandbox"]).failed("marked live");
    installation.serve(&[]).kill();
}

async fn a_process_with_another_secret_does_not_start(database: TestDatabase) {
    let installation = Installation::new(database);
    installation.serve(&["--sandbox"]).kill();
    installation.serve(&["--sandbox"]).kill();
    let installation =
        installation.with("NEURALBOX__AUTH__SECRET", "a secret of the tests, which nobody needs");
    installation.run(&["serve", "--sandbox"]).failed("auth.secret");
    installation.run(&["worker", "--once"]).failed("migrate --new-secret");
    // What signs nothing does not mind.
    installation.run(&["ledger", "verify"]).succeeded();
    installation.run(&["migrate", "--new-secret"]).succeeded();
    installation.serve(&["--sandbox"]).kill();
    installation.run(&["worker", "--once"]).succeeded();
}

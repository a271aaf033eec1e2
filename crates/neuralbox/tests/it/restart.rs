//! A server with its sandbox in one process, killed and started again with the same settings.

use crate::installation::{Installation, Server};
use reqwest::Method;
use serde_json::{Value, json};
use std::{net::TcpListener, time::Duration};
use testkit::{TestDatabase, within};

testkit::on_each_database!(
    a_job_goes_on_after_a_crash,
    a_payment_is_confirmed_after_a_crash,
    a_new_database_finds_nothing,
    two_processes_have_a_sandbox_each,
);

/// How long after the last restart a job may take: as long as a dead process is waited for, and then some.
const DONE_WITHIN: Duration = Duration::from_secs(90);

/// The same settings for each start, with an address for the sandbox.
fn installation(database: TestDatabase) -> Installation {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Installation::new(database).with("NEURALBOX__SANDBOX__BIND", &free.to_string())
}

async fn record(server: &Server, key: &str, id: &Value) -> Value {
    server.ask(Method::GET, &format!("/generate/{id}"), key, None).await.expect(200)
}

/// Whether the vendor has begun and we know it, or it has ended already. A job that a crash leaves before that is given back.
async fn is_at_its_vendor(installation: &Installation, server: &Server, key: &str, id: &Value) -> bool {
    let jobs = installation.database.auditor().await.read("jobs", &["generation_id"]).await;
    jobs.contains(&vec![id.to_string()]) || record(server, key, id).await["status"] != "pending"
}

fn verify(installation: &Installation) {
    let report = installation.json(&["ledger", "verify", "--json"]);
    assert_eq!((&report["clean"], &report["open_holds"]), (&json!(true), &json!(0)), "{report}");
}

async fn a_job_goes_on_after_a_crash(database: TestDatabase) {
    let installation = installation(database);
    let (_, key) = installation.account("anna@example.org", 0);
    let server = installation.serve(&["--sandbox"]);
    let before = server.balance(&key).await;
    let mut started = Vec::new();
    for model in ["photon-1", "flux-1.1-pro", "midjourney-v6"] {
        let body = json!({ "model": model, "prompt": "A lighthouse" });
        let id = server.ask(Method::POST, "/generate", &key, Some(&body)).await.expect(202)["id"].take();
        within(DONE_WITHIN, async || is_at_its_vendor(&installation, &server, &key, &id).await.then_some(()))
            .await;
        started.push(id);
    }
    server.kill();
    // A second crash may find the jobs at any point.
    installation.serve(&["--sandbox"]).kill();

    let server = installation.serve(&["--sandbox"]);
    let mut price_tokens = 0;
    for id in &started {
        let ended =
            async || Some(record(&server, &key, id).await).filter(|record| record["status"] != "pending");
        let done = within(DONE_WITHIN, ended).await;
        assert_eq!(done["status"], "completed", "{done}");
        price_tokens += done["tokens_spent"].as_i64().unwrap();
    }
    assert_eq!(server.balance(&key).await, before - price_tokens);
    server.kill();
    verify(&installation);
}

async fn a_payment_is_confirmed_after_a_crash(database: TestDatabase) {
    let installation = installation(database);
    let (_, key) = installation.account("anna@example.org", 0);
    let server = installation.serve(&["--sandbox"]);
    let before = server.balance(&key).await;
    let body = json!({ "method": "yookassa" });
    let order = server.ask(Method::POST, "/billing/packages/light", &key, Some(&body)).await.expect(201);
    let page = order["confirmation_url"].as_str().unwrap();
    server.kill();

    let server = installation.serve(&["--sandbox"]);
    testkit::send(server.http.post(format!("{page}/succeed"))).await.expect(200);
    server.kill();
    let server = installation.serve(&["--sandbox"]);
    let after =
        within(DONE_WITHIN, async || Some(server.balance(&key).await).filter(|after| *after != before)).await;
    let payments = server.ask(Method::GET, "/billing/payments", &key, None).await.expect(200);
    let [payment] = payments["items"].as_array().unwrap().as_slice() else { panic!("{payments}") };
    assert_eq!(payment["status"], "succeeded", "{payment}");
    // What the payer does twice counts once.
    testkit::send(server.http.post(format!("{page}/succeed"))).await.expect(200);
    assert_eq!(server.balance(&key).await, after);
    server.kill();
    verify(&installation);
}

/// Every payment that the sandbox of a server knows.
async fn books(installation: &Installation, server: &Server) -> Vec<Value> {
    let url = format!("http://{}/_control/payments", installation.setting("NEURALBOX__SANDBOX__BIND"));
    let books = testkit::send(server.http.get(url)).await.expect(200);
    books["payments"].as_array().unwrap().clone()
}

async fn a_new_database_finds_nothing(database: TestDatabase) {
    let installation = installation(database);
    let (_, key) = installation.account("anna@example.org", 0);
    let server = installation.serve(&["--sandbox"]);
    let body = json!({ "method": "yookassa" });
    server.ask(Method::POST, "/billing/packages/light", &key, Some(&body)).await.expect(201);
    server.kill();
    let server = installation.serve(&["--sandbox"]);
    assert_eq!(books(&installation, &server).await.len(), 1);
    server.kill();
    // As in one that was made again under the same name.
    installation.database.execute("UPDATE installation SET mode = NULL").await.unwrap();
    let server = installation.serve(&["--sandbox"]);
    assert_eq!(books(&installation, &server).await, [] as [Value; 0]);
}

async fn two_processes_have_a_sandbox_each(database: TestDatabase) {
    let installation = Installation::new(database);
    let (_, key) = installation.account("anna@example.org", 0);
    let body = json!({ "model": "gpt-5", "prompt": "hello" });
    let first = installation.serve(&["--sandbox"]);
    let second = installation.serve(&["--sandbox"]);
    for server in [&first, &second] {
        server.ask(Method::POST, "/generate", &key, Some(&body)).await.expect(200);
    }
    assert!(second.kill().contains("the sandbox keeps nothing"));
    drop(first);

    let installation = installation.with("NEURALBOX__SANDBOX__FOLDER", "kept");
    let _first = installation.serve(&["--sandbox"]);
    installation.run(&["serve", "--sandbox"]).failed("sandbox.folder");
}

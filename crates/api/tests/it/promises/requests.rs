//! What becomes of requests: promises 7, 8, and 12 to 18.

use super::entries;
use crate::{ended, jobs::photon, media::patient, openai, refused, route_table::call};
use api::ROUTES;
use domain::time::DAY_MS;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Account, Backend, Reply, Service, Setup, TestDatabase, send};

testkit::on_each_database!(
    promise_07_idempotent,
    promise_08_crash_safe,
    promise_12_one_charge_a_generation,
    promise_13_deadlocks_lose_nothing,
    promise_14_integers_only,
    promise_15_no_bypass,
    promise_17_liveness,
    promise_18_streams_tell_the_truth,
    promise_18_a_client_that_leaves_is_another_matter,
);

async fn named(service: &Service, account: &Account, name: &str, body: &Value) -> Reply {
    let request = service.request(Method::POST, "/api/v2/generate", &account.key);
    let request = request.header("content-type", "application/json").header("idempotency-key", name);
    send(request.body(body.to_string())).await
}

async fn promise_07_idempotent(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account_with(10).await;
    let body = json!({ "model": "gpt-5", "prompt": "[[delay:100]] hello" });
    let asked = (0..6_usize).map(|number| {
        let service = if number % 2 == 0 { &service } else { &other };
        named(service, &account, "once", &body)
    });
    let bodies: Vec<Value> = join_all(asked).await.iter().map(|reply| reply.expect(200)).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
    let changed = json!({ "model": "gpt-5", "prompt": "something else" });
    refused(&named(&service, &account, "once", &changed).await, 409, "idempotency_conflict");
    // A failure is one the next time too; what was refused before its hold has bound nothing.
    let failing = json!({ "model": "gpt-5", "prompt": "[[fault:refuse]]" });
    let first = named(&service, &account, "failing", &failing).await;
    refused(&first, 422, "content_refused");
    assert_eq!(named(&other, &account, "failing", &failing).await.json(), first.json());
    let dear = json!({ "model": "gpt-5.2-pro", "prompt": "hello" });
    refused(&named(&service, &account, "dear", &dear).await, 402, "insufficient_tokens");
    named(&service, &account, "dear", &changed).await.expect(200);
    // For a day, over the rounds that forget.
    service.clock.advance_ms(DAY_MS);
    other.app.recover().await.unwrap();
    assert_eq!(named(&other, &account, "once", &body).await.expect(200)["id"], bodies[0]["id"]);
    assert_eq!((service.calls().await, service.balance(&account.key).await), (3, 6));
    service.assert_verifies().await;
}

/// What `kill -9` of real processes leaves is tried by `neuralbox` and by the crash tests.
async fn promise_08_crash_safe(database: TestDatabase) {
    let service = Service::start(&database).await;
    let dying = service.another(&database).await;
    let account = service.account_with(20).await;
    let job = dying.begin_job(&account, &photon()).await;
    let mut events = dying.stream(&account.key, "gpt-5", "[[delay:60000]] hello").await;
    let lost = events.next().await.unwrap()["id"].clone();
    drop(events);
    let held = service.balance(&account.key).await;
    drop(dying);
    for _ in 0..5 {
        service.clock.advance_ms(10_000);
        service.app.heartbeat().await.unwrap();
        service.app.recover().await.unwrap();
    }
    // The hold that nobody works on is back; the job goes on wherever there is a worker.
    assert_eq!(service.generation(&account.key, &lost).await["status"], "failed");
    assert_eq!(service.balance(&account.key).await, held + 2);
    let done = service.pump(&account.key, &job).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(service.balance(&account.key).await, 20 - done["tokens_spent"].as_i64().unwrap());
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn promise_12_one_charge_a_generation(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let account = service.account_with(20).await;
    service.break_vendor("openai", "500", 1).await;
    let answer = service.generate(&account.key, "gpt-5", "hello").await.expect(200);
    assert_eq!((service.calls().await, service.balance(&account.key).await), (2, 18));
    let job = service.begin_job(&account, &photon()).await;
    let other = service.another(&database).await;
    let looks = [&service, &other, &service, &other].map(|service| ended(service, &account.key, &job));
    for record in service.pumping(join_all(looks)).await {
        assert_eq!(record["status"], "completed", "{record:#}");
    }
    let entered = entries(&database, &account).await;
    for id in [&answer["id"], &job] {
        let id = id.to_string();
        let charges = entered.iter().filter(|entry| entry[0] == "charge" && entry[4] == id);
        assert_eq!(charges.count(), 1, "{entered:?}");
    }
    for path in [&format!("/generate/{job}"), "/user/history", "/billing/ledger", "/user/stats", "/balance"] {
        service.get(path, &account.key).await.expect(200);
    }
    assert_eq!((service.poll().await, entries(&database, &account).await), (0, entered));
    service.assert_verifies().await;
}

async fn promise_13_deadlocks_lose_nothing(database: TestDatabase) {
    let services = [Service::start(&database).await];
    let services = [&services[0], &services[0].another(&database).await];
    let mut accounts = Vec::new();
    for _ in 0..4 {
        accounts.push(services[0].account_with(20).await);
    }
    // Two processes, whose batches want the same wallets.
    let asked = (0..64_usize).map(|number| {
        let account = &accounts[number * 3 % 4];
        services[number / 4 % 2].generate(&account.key, "gpt-5-nano", "hello")
    });
    for reply in join_all(asked).await {
        reply.expect(200);
    }
    for account in &accounts {
        assert_eq!(services[0].balance(&account.key).await, 4);
    }
    assert_eq!(services[0].assert_verifies().await.open_holds, 0);
}

async fn promise_14_integers_only(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(5).await;
    for count in ["-1", "0", "1.5", "101", "1e400", "9223372036854775808", "\"1\""] {
        let body = format!("{{ \"params\": {{}}, \"count\": {count} }}");
        let request = service.request(Method::POST, "/api/v2/models/gpt-5/calculate-price", "");
        let reply = send(request.header("content-type", "application/json").body(body)).await;
        assert!([400, 422].contains(&reply.status), "{count}: {reply:?}");
    }
    for max_tokens in ["-1", "0", "NaN", "1e400", "1.5"] {
        let body = format!("{{ \"model\": \"gpt-5\", \"prompt\": \"hello\", \"max_tokens\": {max_tokens} }}");
        let request = service.request(Method::POST, "/api/v2/generate", &account.key);
        let reply = send(request.header("content-type", "application/json").body(body)).await;
        assert!([400, 422].contains(&reply.status), "{max_tokens}: {reply:?}");
    }
    for tokens in [0, -1, i64::MIN, i64::MAX] {
        service.app.grant(account.id, tokens).await.unwrap_err();
    }
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 5));
    // What the vendor says of usage is told, and moves nothing.
    for words in ["hello", &"hello ".repeat(500)] {
        let answer = service.generate(&account.key, "gpt-5", words).await.expect(200);
        assert_eq!(answer["tokens_spent"], 2);
    }
    let sum = "SELECT 1 FROM ledger_entries WHERE CAST(amount_tokens AS TEXT) LIKE '%.%'";
    database.execute(sum).await.unwrap();
    service.assert_verifies().await;
}

async fn promise_15_no_bypass(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(0).await;
    for route in ROUTES.iter().filter(|route| (route.method, route.path) != ("DELETE", "/api/v2/user/me")) {
        let reply = call(&service, route, &account.key).await;
        if route.reaches_vendor {
            assert_eq!(reply.status, 402, "{route:?}: {reply:?}");
        }
    }
    let body = json!({ "model": "gpt-5-nano", "prompt": "hello" }).to_string();
    for path in ["/generate", "/api/generate", "/api/v1/generate", "/api/v2/generate/", "/v1/completions"] {
        let request = service.request(Method::POST, path, &account.key);
        let reply =
            request.header("content-type", "application/json").body(body.clone()).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), 404, "{path}");
    }
    let question = openai::question("gpt-5-nano");
    let reply = openai::post(&service, "/v1/chat/completions", &account.key, &question).await;
    openai::refused(&reply, 402, "insufficient_tokens");
    assert_eq!((service.calls().await, service.assert_verifies().await.generations), (0, 1));
}

/// A file cannot be taken away from a process that has it open, so this is about PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_16_fails_closed() {
    let Some(database) = testkit::database(Backend::Postgres).await else { return };
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    service.generate(&account.key, "gpt-5", "hello").await.expect(200);
    database.shut().await;
    for path in ["/generate", "/generate/stream"] {
        let reply = service.post(path, &account.key, &json!({ "model": "gpt-5", "prompt": "hello" })).await;
        refused(&reply, 503, "overloaded");
    }
    assert_eq!(service.calls().await, 1);
    database.open().await;
    service.generate(&account.key, "gpt-5", "hello").await.expect(200);
    assert_eq!(service.balance(&account.key).await, 1_496);
    service.assert_verifies().await;
}

async fn promise_17_liveness(database: TestDatabase) {
    const JOB_MS: i64 = 60_000;
    let setup = Setup { job_timeout_ms: JOB_MS, ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let account = service.account_with(20).await;
    // One that its vendor never ends, and one whose vendor does not answer.
    for (prompt, refusals) in [("[[fault:job-stuck]] A boat.", None), ("A boat.", Some(100))] {
        let id = service.begin_job(&account, &json!({ "model": "photon-1", "prompt": prompt })).await;
        if let Some(times) = refusals {
            service.break_vendor("luma", "500", times).await;
        }
        service.clock.advance_ms(JOB_MS);
        for _ in 0..12 {
            service.poll().await;
            service.clock.advance_ms(5_000);
        }
        service.poll().await;
        let record = service.generation(&account.key, &id).await;
        assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("failed"), &json!(0)), "{record:#}");
    }
    assert_eq!(service.balance(&account.key).await, 20);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn promise_18_streams_tell_the_truth(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    for (_, model) in crate::MODELS.into_iter().filter(|(_, model)| *model != "gpt-5.2-pro") {
        for fault in ["cut", "error-in-200"] {
            let mut events =
                service.stream(&account.key, model, &format!("[[fault:{fault}]] Tell me.")).await;
            let mut kinds = Vec::new();
            while let Some(event) = events.next().await {
                kinds.push(event["type"].as_str().or(event.as_str()).unwrap_or_default().to_owned());
            }
            assert_eq!(kinds[kinds.len() - 2..], ["error", "[DONE]"], "{model} {fault}");
            assert!(!kinds.iter().any(|kind| kind == "generation_end"), "{model} {fault}: {kinds:?}");
        }
    }
    assert_eq!(service.balance(&account.key).await, 10);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn promise_18_a_client_that_leaves_is_another_matter(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    let mut events = service.stream(&account.key, "gpt-5", "[[delay:200]] Tell me.").await;
    let id = events.next().await.unwrap()["id"].clone();
    drop(events);
    let record = ended(&service, &account.key, &id).await;
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("completed"), &json!(2)));
    assert_eq!(service.balance(&account.key).await, 8);
}

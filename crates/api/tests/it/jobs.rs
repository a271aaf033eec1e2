//! Generations that run at their vendor for a while: told how they stand, waited for, canceled, and settled once, whatever
//! becomes of the processes that ask after them.

use crate::{eventually, media::patient, refused};
use app::Round;
use domain::port::Clock;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Account, Reply, Service, Setup, TestDatabase};
use tokio::runtime::Handle;

testkit::on_each_database!(
    a_job_is_promised_and_comes,
    a_job_outlives_its_process,
    a_claim_that_died_with_its_worker_is_taken_over,
    a_job_that_its_vendor_does_not_know_is_not_given_up,
    two_workers_settle_once,
    a_slow_worker_that_is_overtaken_leaves_nothing_behind,
    many_who_wait_hold_up_nobody,
    a_canceled_job_costs_nothing,
    what_is_canceled_while_it_is_worked_at_costs_nothing,
    what_is_canceled_before_its_job_runs_is_stopped_at_the_vendor,
    a_vendor_that_calls_is_asked_at_once,
);

pub(crate) fn body(model: &str, prompt: &str) -> Value {
    json!({ "model": model, "prompt": prompt })
}

pub(crate) fn photon() -> Value {
    body("photon-1", "A red boat on the sea.")
}

fn assert_pending(service: &Service, reply: &Reply) -> Value {
    let generation = reply.expect(202);
    let location = format!("/api/v2/generate/{}", generation["id"]);
    assert_eq!(reply.header("location"), Some(location.as_str()), "{reply:?} of {}", service.url);
    for (field, expected) in [
        ("status", json!("pending")),
        ("result_url", Value::Null),
        ("error", Value::Null),
        ("tokens_spent", json!(0)),
        ("completed_at", Value::Null),
        ("processing_ms", Value::Null),
    ] {
        assert_eq!(generation[field], expected, "{field} of {generation:#}");
    }
    generation
}

async fn a_job_is_promised_and_comes(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    let reply = service.post("/generate", &account.key, &photon()).await;
    let pending = assert_pending(&service, &reply);
    assert_eq!((reply.header("preference-applied"), &pending["balance_remaining"]), (None, &json!(7)));
    let done = service.pump(&account.key, &pending["id"]).await;
    assert_eq!((&done["status"], &done["tokens_spent"]), (&json!("completed"), &json!(3)));
    assert!(done["processing_ms"].as_i64().unwrap() > 0, "{done:#}");
    assert_eq!(service.fetch(done["result_url"].as_str().unwrap()).await.status, 200);
    assert_eq!(service.balance(&account.key).await, 7);
    assert!(!service.is_job(&account, &pending["id"]).await);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

#[tokio::test]
async fn clients_wait_as_they_prefer() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = Service::start_with(&database, patient()).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    // Nobody asks after the job, so it does not come.
    for (prefer, applied) in [("wait=0", "wait=0"), ("wait=1", "wait=1"), ("respond-async", "respond-async")]
    {
        let reply = service.prefer(key, prefer, &photon()).await;
        assert_pending(&service, &reply);
        assert_eq!(reply.header("preference-applied"), Some(applied));
    }
    for (prefer, applied) in [("wait=999", "wait=60"), ("respond-async, wait=20", "respond-async, wait=20")] {
        let photon = photon();
        let reply = service.pumping(service.prefer(key, prefer, &photon)).await;
        assert_eq!(reply.expect(200)["status"], "completed");
        assert_eq!(reply.header("preference-applied"), Some(applied));
    }
    // A model that answers at once can be had later.
    let reply = service.prefer(key, "respond-async", &body("gpt-5-nano", "[[delay:200]] hello")).await;
    let id = assert_pending(&service, &reply)["id"].clone();
    assert_eq!(reply.header("preference-applied"), Some("respond-async"));
    let path = format!("/api/v2/generate/{id}");
    let waiting = service.request(reqwest::Method::GET, &path, key).header("prefer", "wait=30");
    let reply = testkit::send(waiting).await;
    assert_eq!(reply.expect(200)["status"], "completed");
    assert_eq!(reply.header("preference-applied"), Some("wait=30"));
    // What is made at once is waited for as long as the client will, and no longer.
    let reply = service.prefer(key, "wait=30", &body("gpt-5-nano", "hello")).await;
    assert_eq!(reply.expect(200)["status"], "completed");
    assert_eq!(reply.header("preference-applied"), Some("wait=30"));
    for (prefer, prompt) in [("wait=0", "[[delay:300]]"), ("wait=1", "[[delay:2500]]")] {
        let reply = service.prefer(key, prefer, &body("gpt-5-nano", prompt)).await;
        let id = assert_pending(&service, &reply)["id"].clone();
        assert_eq!(reply.header("preference-applied"), Some(prefer));
        assert_eq!(crate::ended(&service, key, &id).await["status"], "completed");
    }
    let reply = service.prefer(key, "wait=30", &body("gpt-5-nano", "[[fault:refuse]]")).await;
    refused(&reply, 422, "content_refused");
    assert_eq!(reply.header("preference-applied"), Some("wait=30"));
    // A look at a generation is never put off.
    let looking = service.request(reqwest::Method::GET, &path, key).header("prefer", "respond-async, wait=1");
    assert_eq!(testkit::send(looking).await.header("preference-applied"), Some("wait=1"));
    // Whoever waits for what fails gets the error.
    let failing = body("photon-1", "[[fault:job-failed]]");
    let reply = service.pumping(service.prefer(key, "wait=60", &failing)).await;
    let details = refused(&reply, 500, "provider_error");
    assert_eq!((&details["provider"], &details["kind"]), (&json!("luma"), &json!("job_failed")));
    assert_eq!(reply.header("preference-applied"), Some("wait=60"));
    assert_eq!(service.generation(key, &details["generation_id"]).await["status"], "failed");
}

#[tokio::test]
async fn midjourney_tells_how_far_it_is() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = Service::start_with(&database, patient()).await;
    let account = service.account("vip", 0).await;
    let id = service.begin_job(&account, &body("midjourney-v6", "A red boat.")).await;
    let mut seen = Vec::new();
    let done = loop {
        service.clock.advance_ms(1_000);
        service.poll().await;
        let generation = service.generation(&account.key, &id).await;
        if generation["status"] != "pending" {
            break generation;
        }
        seen.extend(generation.get("progress").map(|progress| progress.as_i64().unwrap()));
    };
    assert!(seen.is_sorted() && seen.iter().all(|percent| (0..=100).contains(percent)), "{seen:?}");
    assert!(seen.iter().any(|percent| (1..100).contains(percent)), "{seen:?}");
    assert_eq!((&done["status"], done.get("progress")), (&json!("completed"), None));
}

async fn a_job_outlives_its_process(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let other = service.another(&database).await;
    let account = service.account_with(10).await;
    let id = service.begin_job(&account, &photon()).await;
    drop(service);
    for _ in 0..8 {
        other.clock.advance_ms(10_000);
        other.app.heartbeat().await.unwrap();
        assert_eq!(other.app.recover().await.unwrap().released_holds, 0);
    }
    check_settled_once(&other, &account, &id).await;
}

/// The job comes to its end at this process: charged 3 of 10, with one picture and its thumbnail.
pub(crate) async fn check_settled_once(service: &Service, account: &Account, id: &Value) {
    let done = service.pump(&account.key, id).await;
    assert_eq!((&done["status"], &done["tokens_spent"]), (&json!("completed"), &json!(3)), "{done:#}");
    assert_eq!(service.balance(&account.key).await, 7);
    assert_eq!(service.fetch(done["result_url"].as_str().unwrap()).await.status, 200);
    assert_eq!(service.stored_files().len(), 2, "{:?}", service.stored_files());
    let report = service.assert_verifies().await;
    assert_eq!(report.open_holds, 0);
    assert_eq!(service.poll().await, 0);
}

/// Has the worker of `service` stand still in the middle of asking after a job of Luma's, for so many milliseconds.
pub(crate) async fn stall(service: &Service, ms: u64) -> Round {
    stall_on(&Handle::current(), service, ms).await
}

async fn stall_on(runtime: &Handle, service: &Service, ms: u64) -> Round {
    service.clock.advance_ms(5_000);
    service.break_vendor("luma", &format!("delay:{ms}"), 1).await;
    let (app, calls) = (service.app.clone(), service.calls_of("luma").await);
    let round = runtime.spawn(async move { app.poll_jobs().await.unwrap() }).await.unwrap();
    assert_eq!(round.count(), 1);
    eventually(async || (service.calls_of("luma").await > calls).then_some(())).await;
    round
}

async fn a_claim_that_died_with_its_worker_is_taken_over(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account_with(10).await;
    let id = service.begin_job(&account, &photon()).await;
    let dying = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    stall_on(dying.handle(), &service, 60_000).await;
    dying.shutdown_background();
    drop(service);
    let stalled_at = other.clock.now();
    check_settled_once(&other, &account, &id).await;
    assert!(other.clock.now().ms_since(stalled_at) < 90_000, "it was left alone for long");
}

/// A vendor that does not know a job may hear of it yet: two sandboxes share this database.
async fn a_job_that_its_vendor_does_not_know_is_not_given_up(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let stranger = Service::start_with(&database, patient()).await;
    let account = service.account_with(10).await;
    let id = service.begin_job(&account, &photon()).await;
    stranger.clock.advance_ms(5_000);
    assert_eq!(stranger.poll().await, 1);
    check_settled_once(&service, &account, &id).await;
}

async fn two_workers_settle_once(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let other = service.another(&database).await;
    let account = service.account_with(40).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(service.begin_job(&account, &photon()).await);
    }
    for id in &ids {
        let (one, two) = (service.pump(&account.key, id), other.pump(&account.key, id));
        let (one, two) = tokio::join!(one, two);
        assert_eq!((&one["status"], &two["status"]), (&json!("completed"), &json!("completed")));
    }
    // What a worker had stored when another took its job over is swept.
    service.clock.advance_ms(3_600_000);
    service.app.recover().await.unwrap();
    assert_eq!((service.balance(&account.key).await, service.stored_files().len()), (25, 10));
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn a_slow_worker_that_is_overtaken_leaves_nothing_behind(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let other = service.another(&database).await;
    let account = service.account_with(10).await;
    let id = service.begin_job(&account, &photon()).await;
    for _ in 0..2 {
        service.clock.advance_ms(5_000);
        assert_eq!(service.poll().await, 1);
    }
    // The answer that it waits for says that the job is done; by the time that it comes, the other has been told so too.
    let slow = stall(&service, 1_500).await;
    service.clock.advance_ms(60_000);
    check_settled_once(&other, &account, &id).await;
    slow.finished().await;
    check_settled_once(&other, &account, &id).await;
}

async fn a_canceled_job_costs_nothing(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let account = service.account_with(100).await;
    let stranger = service.account_with(0).await;
    for (vendor, model) in
        [("replicate", "flux-1.1-pro"), ("luma", "photon-1"), ("midjourney", "midjourney-v6")]
    {
        let id = service.begin_job(&account, &body(model, "[[fault:job-stuck]]")).await;
        let calls = service.calls_of(vendor).await;
        refused(&service.cancel(&stranger.key, &id).await, 404, "not_found");
        let canceled = service.cancel(&account.key, &id).await.expect(200);
        for (field, expected) in [
            ("status", json!("failed")),
            ("error_code", json!("canceled")),
            ("tokens_spent", json!(0)),
            ("balance_remaining", json!(100)),
        ] {
            assert_eq!(canceled[field], expected, "{field} of {canceled:#}");
        }
        assert_eq!(service.generation(&account.key, &id).await, canceled);
        let stops = service.calls_of(vendor).await - calls;
        assert_eq!(stops, u64::from(vendor != "luma"), "{vendor}: all but Luma can be told");
        refused(&service.cancel(&account.key, &id).await, 409, "not_cancellable");
        assert!(!service.is_job(&account, &id).await, "nobody asks after it any more");
    }
    let done = service.generate(&account.key, "gpt-5-nano", "hello").await.expect(200)["id"].clone();
    refused(&service.cancel(&account.key, &done).await, 409, "not_cancellable");
    for unknown in [json!(999_999), json!("x")] {
        refused(&service.cancel(&account.key, &unknown).await, 404, "not_found");
    }
    assert_eq!(service.balance(&account.key).await, 99);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn what_is_canceled_while_it_is_worked_at_costs_nothing(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let account = service.account_with(100).await;
    // While the vendor is asked, be it that the job goes on or is done.
    for looks in [0, 2] {
        let id = service.begin_job(&account, &photon()).await;
        for _ in 0..looks {
            service.clock.advance_ms(5_000);
            assert_eq!(service.poll().await, 1);
        }
        let stalled = stall(&service, 500).await;
        assert_eq!(service.cancel(&account.key, &id).await.expect(200)["error_code"], "canceled");
        stalled.finished().await;
        check_canceled(&service, &account, &id).await;
    }
    // While what was made waits to be fetched: its vendor has nothing more to do with it.
    for model in ["photon-1", "dall-e-3"] {
        let body = body(model, "[[fault:result-flaky]]");
        let id = service.prefer(&account.key, "respond-async", &body).await.expect(202)["id"].clone();
        eventually(async || service.is_job(&account, &id).await.then_some(())).await;
        for _ in 0..if model == "photon-1" { 3 } else { 1 } {
            service.clock.advance_ms(10_000);
            assert_eq!(service.poll().await, 1);
        }
        let calls = service.calls().await;
        assert_eq!(service.cancel(&account.key, &id).await.expect(200)["error_code"], "canceled");
        assert_eq!(service.calls().await, calls);
        check_canceled(&service, &account, &id).await;
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn check_canceled(service: &Service, account: &Account, id: &Value) {
    assert_eq!(service.generation(&account.key, id).await["error_code"], "canceled");
    assert!(!service.is_job(account, id).await);
    service.clock.advance_ms(120_000);
    assert_eq!(service.poll().await, 0);
    assert_eq!((service.balance(&account.key).await, service.stored_files().len()), (100, 0));
}

async fn what_is_canceled_before_its_job_runs_is_stopped_at_the_vendor(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let account = service.account_with(100).await;
    for (vendor, model, calls) in [("replicate", "flux-1.1-pro", 2), ("openai", "gpt-image-1.5", 1)] {
        let body = body(model, "[[delay:400]] A boat.");
        let reply = service.prefer(&account.key, "respond-async", &body).await;
        let id = assert_pending(&service, &reply)["id"].clone();
        eventually(async || (service.calls_of(vendor).await == 1).then_some(())).await;
        assert_eq!(service.cancel(&account.key, &id).await.expect(200)["error_code"], "canceled");
        // The vendor's answer comes too late. What it began is stopped, and what it made is not kept.
        if calls == 2 {
            eventually(async || service.is_job(&account, &id).await.then_some(())).await;
            service.clock.advance_ms(10_000);
            service.poll().await;
            assert!(!service.is_job(&account, &id).await);
        } else {
            tokio::time::timeout(Duration::from_secs(20), service.app.shut_down()).await.unwrap();
        }
        assert_eq!(service.calls_of(vendor).await, calls, "{vendor}");
        assert_eq!(service.generation(&account.key, &id).await["error_code"], "canceled");
    }
    assert_eq!((service.balance(&account.key).await, service.stored_files().len()), (100, 0));
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn a_vendor_that_calls_is_asked_at_once(database: TestDatabase) {
    let setup = Setup { callbacks: true, ..patient() };
    let service = Service::start_with(&database, setup).await;
    for model in ["flux-1.1-pro", "photon-1", "midjourney-v6"] {
        let account = service.account_with(20).await;
        let id = service.begin_job(&account, &body(model, "A red boat.")).await;
        // No time passes: it is the vendor's call alone that makes the job due.
        let done = eventually(async || {
            service.poll().await;
            let generation = service.generation(&account.key, &id).await;
            (generation["status"] != "pending").then_some(generation)
        });
        assert_eq!(done.await["status"], "completed", "{model}");
        service.clock.advance_ms(60_000);
    }
    for token in ["nothing", "%2e%2e", "0123456789012345678901234567890123456789.job"] {
        let reply = service.post(&format!("/callbacks/{token}"), "", &json!({})).await;
        refused(&reply, 404, "not_found");
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

/// What ends here is told at once, what ends elsewhere soon, and whoever only asks something need not wait.
async fn many_who_wait_hold_up_nobody(database: TestDatabase) {
    const WAITING: usize = 300;
    let service = Service::start_with(&database, patient()).await;
    let other = service.another(&database).await;
    let account = service.account("vip", 0).await;
    for ending in [&service, &other] {
        let id = service.begin_job(&account, &photon()).await;
        let path = format!("/api/v2/generate/{id}");
        let wait = || {
            let request = service.request(reqwest::Method::GET, &path, &account.key);
            testkit::send(request.header("prefer", "wait=60"))
        };
        let waiting = futures_util::future::join_all((0..WAITING).map(|_| wait()));
        let ended = async {
            for _ in 0..50 {
                let begun_at = std::time::Instant::now();
                service.balance(&account.key).await;
                assert!(begun_at.elapsed() < Duration::from_secs(20), "{:?}", begun_at.elapsed());
            }
            assert_eq!(ending.pump(&account.key, &id).await["status"], "completed");
        };
        let (replies, ()) = tokio::join!(waiting, ended);
        assert!(replies.iter().all(|reply| reply.expect(200)["status"] == "completed"));
    }
}

//! Pictures, video and sound that fail: said as it is, and free.

use crate::{
    eventually,
    media::{TONE, patient, request},
    refused,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Account, Backend, RawServer, Reply, Service, Setup, Then, file, plain, text};

/// A model of each way in which each vendor makes files.
const MODELS: [(&str, &str); 9] = [
    ("openai", "gpt-image-1.5"),
    ("openai", "dall-e-3"),
    ("openai", "openai-tts"),
    ("replicate", "flux-1.1-pro"),
    ("luma", "photon-1"),
    ("midjourney", "midjourney-v6"),
    ("elevenlabs", "elevenlabs-flash"),
    ("elevenlabs", "elevenlabs-music"),
    ("minimax", "minimax-tts"),
];

/// Those that work as jobs.
const JOBS: [&str; 3] = ["flux-1.1-pro", "photon-1", "midjourney-v6"];
/// Those whose result has an address of its own.
const FETCHED: [&str; 4] = ["flux-1.1-pro", "photon-1", "midjourney-v6", "dall-e-3"];

/// How a fault is answered.
#[derive(Clone, Copy)]
struct Fault {
    name: &'static str,
    status: u16,
    code: &'static str,
    /// What kind of `provider_error` it is.
    kind: Option<&'static str>,
}

const fn provider_error(name: &'static str, kind: &'static str) -> Fault {
    Fault { name, status: 500, code: "provider_error", kind: Some(kind) }
}

const fn unavailable(name: &'static str) -> Fault {
    Fault { name, status: 503, code: "model_unavailable", kind: None }
}

const FAULTS: [Fault; 9] = [
    provider_error("500", "overloaded"),
    provider_error("overloaded", "overloaded"),
    provider_error("429", "rate_limited"),
    provider_error("malformed", "bad_response"),
    provider_error("cut", "stream_cut"),
    provider_error("wrong-type", "bad_response"),
    unavailable("401"),
    unavailable("quota"),
    Fault { name: "refuse", status: 422, code: "content_refused", kind: None },
];

const RESULT_GONE: Fault = provider_error("result-gone", "bad_response");
const JOB_FAILED: Fault = provider_error("job-failed", "job_failed");
const JOB_STUCK: Fault = provider_error("job-stuck", "timeout");
const HANG: Fault = provider_error("hang", "timeout");
const OVERSIZED: Fault = provider_error("oversized", "bad_response");

/// Words that have a result fail three times before it comes.
const FLAKY: &str = "[[fault:result-flaky]]";

/// Runs each of `models` on a service and a database of its own.
async fn on_each<M: IntoIterator<Item = (&'static str, &'static str)>>(
    backend: Backend,
    setup: Setup,
    models: M,
    check: impl AsyncFn(&Service, &'static str, &'static str),
) {
    let all = models.into_iter().map(async |(vendor, model)| {
        let Some(database) = testkit::database(backend).await else { return };
        let service = Service::start_with(&database, setup).await;
        check(&service, vendor, model).await;
        assert_eq!(service.assert_verifies().await.open_holds, 0);
    });
    join_all(all).await;
}

fn jobs() -> impl Iterator<Item = (&'static str, &'static str)> {
    MODELS.into_iter().filter(|(_, model)| JOBS.contains(model))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_fails_costs_nothing() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        on_each(backend, patient(), MODELS, async |service, vendor, model| {
            let mut faults = FAULTS.to_vec();
            faults.extend(FETCHED.contains(&model).then_some(RESULT_GONE));
            faults.extend(JOBS.contains(&model).then_some(JOB_FAILED));
            check(service, vendor, model, &faults).await;
        })
        .await;
    }
}

/// A good file, and no picture.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_of_another_kind_costs_nothing() {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let answer = json!({ "created": 1_795_370_000, "data": [{ "b64_json": BASE64_STANDARD.encode(TONE) }] });
    let answer = answer.to_string().into_bytes();
    let vendor = RawServer::start(plain(&answer, answer.len()), Then::Close).await;
    let vendors_url = Some(&*Box::leak(vendor.url.into_boxed_str()));
    let service = Service::start_with(&database, Setup { vendors_url, ..patient() }).await;
    let account = service.account_with(100).await;
    let model = "gpt-image-1.5";
    let body = request(&service, model, "please", "").await;
    let reply = service.prefer(&account.key, "wait=60", &body).await;
    let fault = provider_error("another-kind", "bad_response");
    check_failure(&service, &account, ("openai", model), &fault, &reply).await;
    assert_eq!(service.stored_files(), Vec::<String>::new());
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

/// Asks for each of these failures, and checks what comes of it.
async fn check(service: &Service, vendor: &str, model: &str, faults: &[Fault]) {
    let asked = faults.iter().map(async |fault| {
        let account = service.account_with(100).await;
        let body = request(service, model, &format!("please [[fault:{}]]", fault.name), "").await;
        let reply = service.prefer(&account.key, "wait=60", &body).await;
        (fault, account, reply)
    });
    for (fault, account, reply) in service.pumping(join_all(asked)).await {
        check_failure(service, &account, (vendor, model), fault, &reply).await;
    }
    assert_eq!(service.stored_files(), Vec::<String>::new(), "{model}");
}

/// The answer says what went wrong and where to look; the record agrees; nothing was charged, and nobody asks any more.
async fn check_failure(
    service: &Service,
    account: &Account,
    (vendor, model): (&str, &str),
    fault: &Fault,
    reply: &Reply,
) {
    assert_eq!(reply.status, fault.status, "{model} {}: {reply:?}", fault.name);
    let details = refused(reply, fault.status, fault.code);
    let id = &details["generation_id"];
    // These say that they are busy in the words that say that we are too quick.
    let is_busy = ["elevenlabs", "minimax"].contains(&vendor) && fault.name == "overloaded";
    let kind = if is_busy { Some("rate_limited") } else { fault.kind };
    let mut expected = json!({ "generation_id": id });
    if let Some(kind) = kind {
        expected["provider"] = json!(vendor);
        expected["kind"] = json!(kind);
    }
    assert_eq!(details, expected, "{model} {}", fault.name);
    let record = service.generation(&account.key, id).await;
    for (field, expected) in [
        ("status", json!("failed")),
        ("tokens_spent", json!(0)),
        ("error_code", json!(fault.code)),
        ("error", reply.json()["message"].clone()),
        ("result_url", Value::Null),
        ("thumbnail_url", Value::Null),
        ("balance_remaining", json!(100)),
    ] {
        assert_eq!(record[field], expected, "{field} of {record:#} for {}", fault.name);
    }
    if let Some(kind) = kind {
        let message = record["error"].as_str().unwrap();
        assert!(message.contains(kind) && message.contains(vendor), "{model} {}: {message}", fault.name);
    }
    assert_eq!(service.balance(&account.key).await, 100, "{model} {}", fault.name);
    assert!(!service.is_job(account, id).await, "{model} {}", fault.name);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_hangs_costs_nothing() {
    let setup = Setup { call_timeout_ms: 200, ..patient() };
    on_each(Backend::Sqlite, setup, MODELS, async |service, vendor, model| {
        check(service, vendor, model, &[HANG]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_never_ends_costs_nothing() {
    let setup = Setup { job_timeout_ms: 60_000, ..patient() };
    on_each(Backend::Sqlite, setup, jobs(), async |service, vendor, model| {
        check(service, vendor, model, &[JOB_STUCK]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_without_end_is_not_taken() {
    on_each(Backend::Sqlite, patient(), MODELS, async |service, vendor, model| {
        check(service, vendor, model, &[OVERSIZED]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_with_asking_loses_no_job() {
    // More often than the client asks again by itself.
    const TROUBLES: [(&str, u32); 6] =
        [("500", 5), ("401", 3), ("quota", 3), ("malformed", 3), ("cut", 5), ("429", 2)];
    let setup = Setup { call_timeout_ms: 1_000, ..patient() };
    for backend in [Backend::Sqlite, Backend::Postgres] {
        on_each(backend, setup, jobs(), async |service, vendor, model| {
            let account = service.account("vip", 0).await;
            let mut left = 1_500;
            for (fault, times) in TROUBLES {
                let body = request(service, model, "A red boat.", "").await;
                let id = service.begin_job(&account, &body).await;
                service.break_vendor(vendor, fault, times).await;
                let done = service.pump(&account.key, &id).await;
                assert_eq!(done["status"], "completed", "{model} {fault}: {done:#}");
                left -= done["tokens_spent"].as_i64().unwrap();
                assert_eq!(service.balance(&account.key).await, left, "{model} {fault}");
                // The rest of them is not for the next job.
                service.break_vendor(vendor, "none", 1).await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_cannot_be_fetched_for_a_while_is_not_given_up() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let models = MODELS.into_iter().filter(|(_, model)| FETCHED.contains(model));
        on_each(backend, patient(), models, async |service, vendor, model| {
            let account = service.account_with(100).await;
            let body = request(service, model, FLAKY, "").await;
            let calls = service.calls_of(vendor).await;
            // Whoever waits for what is made at once goes on waiting.
            let wait = if JOBS.contains(&model) { "wait=60" } else { "" };
            let done = service.pumping(service.prefer(&account.key, wait, &body)).await.expect(200);
            assert_eq!(done["status"], "completed", "{model}: {done:#}");
            assert_eq!(service.fetch(done["result_url"].as_str().unwrap()).await.status, 200);
            let spent = done["tokens_spent"].as_i64().unwrap();
            assert_eq!(service.balance(&account.key).await, 100 - spent, "{model}");
            assert_eq!(service.stored_files().len(), 2, "{model}");
            if !JOBS.contains(&model) {
                assert_eq!(service.calls_of(vendor).await - calls, 1, "what is made is not made again");
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_cannot_be_fetched_in_time_costs_nothing() {
    let setup = Setup { call_timeout_ms: 3_000, job_timeout_ms: 60_000, ..Setup::default() };
    let models = MODELS.into_iter().filter(|(_, model)| FETCHED.contains(model));
    on_each(Backend::Sqlite, setup, models, async |service, vendor, model| {
        let account = service.account_with(100).await;
        let id =
            service.prefer(&account.key, "respond-async", &request(service, model, FLAKY, "").await).await;
        let id = id.expect(202)["id"].clone();
        // The first try, or the first look at the job, and by the second all time has passed.
        eventually(async || service.is_job(&account, &id).await.then_some(())).await;
        for _ in 0..3 {
            service.clock.advance_ms(10_000);
            service.poll().await;
        }
        service.clock.advance_ms(60_000);
        service.poll().await;
        let failed = service.generation(&account.key, &id).await;
        assert_eq!((&failed["status"], &failed["error_code"]), (&json!("failed"), &json!("provider_error")));
        let message = failed["error"].as_str().unwrap();
        assert!(message.contains("timeout") && message.contains(vendor), "{message}");
        assert_eq!(service.balance(&account.key).await, 100, "{model}");
        assert!(!service.is_job(&account, &id).await, "{model}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transcript_that_fails_costs_nothing() {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    for (vendor, model) in
        [("openai", "whisper"), ("openai", "gpt-4o-transcribe"), ("elevenlabs", "elevenlabs-scribe")]
    {
        let service = Service::start_with(&database, Setup { call_timeout_ms: 500, ..patient() }).await;
        let account = service.account_with(100).await;
        let faults = FAULTS.iter().filter(|fault| fault.name != "429");
        for fault in faults.chain([&HANG, &OVERSIZED]) {
            service.break_vendor(vendor, fault.name, 5).await;
            let parts = [text("model", model), file("audio", "tone.wav", TONE)];
            let reply = service.post_form("/stt", &account.key, &parts).await;
            check_failure(&service, &account, (vendor, model), fault, &reply).await;
            service.break_vendor(vendor, "none", 1).await;
        }
        service.assert_verifies().await;
    }
}

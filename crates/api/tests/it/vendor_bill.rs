//! What vendors charge us in a day, and where that ends.

use crate::{jobs::body, refused};
use domain::{id::GenerationId, time::DAY_MS};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Account, Service, Setup, TestDatabase};

testkit::on_each_database!(
    a_day_costs_no_more_than_its_limit,
    what_runs_counts_in_every_process,
    what_comes_at_once_is_let_in_one_by_one,
    what_was_canceled_counts_unless_its_vendor_stopped,
    what_failed_counts_unless_its_vendor_charges_nothing,
);

const HOUR_MS: i64 = 3_600_000;
/// What a picture of this model costs, in micro-dollars.
const FLUX: i64 = 40_000;
/// What a clip of five seconds costs.
const CLIP: i64 = 710_000;

fn limited(vendor: &'static str, daily_spend_micro_usd: i64) -> Setup {
    Setup { daily_spend: Some((vendor, daily_spend_micro_usd)), ..Setup::default() }
}

/// What a generation costs at its vendor, by its record.
pub(crate) async fn vendor_cost(service: &Service, account: &Account, id: &Value) -> Option<i64> {
    let caller = service.app.authenticate(&account.key).await.unwrap();
    let id = GenerationId(id.as_i64().unwrap());
    service.app.generation(&caller, id).await.unwrap().record.vendor_cost_micro_usd
}

/// Asserts that a model is not to be had, for so many seconds.
async fn assert_stopped(service: &Service, key: &str, body: &Value, seconds: i64) {
    let reply = service.post("/generate", key, body).await;
    assert_eq!(refused(&reply, 503, "model_unavailable"), json!({}));
    assert_eq!(reply.header("retry-after"), Some(seconds.to_string().as_str()), "{reply:?}");
}

async fn a_day_costs_no_more_than_its_limit(database: TestDatabase) {
    let service = Service::start_with(&database, limited("openai", 80_000)).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let draw = body("dall-e-3", "a boat");
    for _ in 0..2 {
        service.post("/generate", key, &draw).await.expect(200);
    }
    service.clock.advance_ms(1_000);
    let calls = service.calls_of("openai").await;
    assert_stopped(&service, key, &draw, 86_399).await;
    assert_stopped(&service, key, &body("gpt-5", "hello"), 86_399).await;
    assert_eq!(service.calls_of("openai").await, calls);
    service.generate(key, "claude-haiku-4.5", "hello").await.expect(200);

    // Another process reads it from the record.
    let other = Service::start_with(&database, limited("openai", 80_000)).await;
    other.clock.advance_ms(HOUR_MS);
    assert_stopped(&other, key, &draw, 82_800).await;

    service.clock.advance_ms(DAY_MS - 1_001);
    assert_stopped(&service, key, &draw, 1).await;
    service.clock.advance_ms(1);
    service.post("/generate", key, &draw).await.expect(200);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn what_runs_counts_in_every_process(database: TestDatabase) {
    let service = Service::start_with(&database, limited("luma", 2 * CLIP)).await;
    let account = service.account("vip", 0).await;
    let clip = body("luma-ray2", "a boat");
    let (first, second) =
        (service.begin_job(&account, &clip).await, service.begin_job(&account, &clip).await);
    assert_eq!(vendor_cost(&service, &account, &first).await, Some(CLIP));
    // It may still fail, and cost nothing.
    assert_stopped(&service, &account.key, &clip, 60).await;
    let other = Service::start_with(&database, limited("luma", 2 * CLIP)).await;
    assert_stopped(&other, &account.key, &clip, 60).await;
    for id in [&first, &second] {
        assert_eq!(service.pump(&account.key, id).await["status"], "completed");
        assert_eq!(vendor_cost(&service, &account, id).await, Some(CLIP));
    }
    service.clock.advance_ms(1_000);
    let left_s = (DAY_MS - service.app.clock().now().unix_ms() % DAY_MS + 999) / 1_000;
    assert_stopped(&service, &account.key, &clip, left_s).await;
}

async fn what_comes_at_once_is_let_in_one_by_one(database: TestDatabase) {
    let service = Service::start_with(&database, limited("replicate", 3 * FLUX)).await;
    let account = service.account("vip", 0).await;
    let flux = body("flux-1.1-pro", "a boat");
    let replies = join_all((0..20).map(|_| service.post("/generate", &account.key, &flux))).await;
    let (begun, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 202);
    assert_eq!((begun.len(), refused.len()), (3, 17));
    assert!(refused.iter().all(|reply| reply.status == 503), "{refused:?}");
    // What was let in and then not held makes room again.
    let poor = service.account_with(1).await;
    service.clock.advance_ms(DAY_MS);
    for _ in 0..5 {
        refused_for_want_of_tokens(&service, &poor, &flux).await;
    }
    service.post("/generate", &account.key, &flux).await.expect(202);
}

async fn refused_for_want_of_tokens(service: &Service, account: &Account, body: &Value) {
    refused(&service.post("/generate", &account.key, body).await, 402, "insufficient_tokens");
}

async fn what_was_canceled_counts_unless_its_vendor_stopped(database: TestDatabase) {
    let check = async |vendor, request: Value, expected: Option<i64>| {
        let service = Service::start_with(&database, limited(vendor, 10_000_000)).await;
        let account = service.account("vip", 0).await;
        let id = service.begin_job(&account, &request).await;
        service.cancel(&account.key, &id).await.expect(200);
        assert_eq!(vendor_cost(&service, &account, &id).await, expected, "{request}");
        assert_eq!(service.balance(&account.key).await, 1_500);
    };
    check("luma", body("luma-ray2", "a boat"), Some(CLIP)).await;
    check("replicate", body("flux-1.1-pro", "[[fault:job-stuck]] a boat"), None).await;
    // Where a machine's time is charged, it has run for some of it.
    check("replicate", body("musicgen", "[[fault:job-stuck]] a song"), Some(100_000)).await;

    // A picture that is made at once is not stopped, and says in the end what it cost. A text is, and nobody knows what it cost:
    // at most what was reckoned with.
    let service = Service::start_with(&database, limited("openai", 10_000_000)).await;
    let account = service.account("vip", 0).await;
    let canceled = async |model: &str| {
        let request = body(model, "[[delay:300]] a boat");
        let id = service.prefer(&account.key, "respond-async", &request).await.expect(202)["id"].clone();
        service.cancel(&account.key, &id).await.expect(200);
        id
    };
    let picture = canceled("dall-e-3").await;
    assert_eq!(vendor_cost(&service, &account, &picture).await, Some(40_000));
    let text = canceled("gpt-5-nano").await;
    let most = vendor_cost(&service, &account, &text).await;
    assert!(most.is_some_and(|cost| cost > 0), "{most:?}");
    service.app.shut_down().await;
    assert_eq!(vendor_cost(&service, &account, &text).await, most);
    assert_eq!(vendor_cost(&service, &account, &picture).await, Some(40_000));
}

async fn what_failed_counts_unless_its_vendor_charges_nothing(database: TestDatabase) {
    let check = async |vendor, model: &str, fault: &str, expected: Option<i64>| {
        let service = Service::start_with(&database, limited(vendor, 100_000_000)).await;
        let account = service.account("vip", 0).await;
        let request = body(model, &format!("[[fault:{fault}]] a boat"));
        let reply = service.pumping(service.prefer(&account.key, "wait=60", &request)).await;
        assert!([422, 500, 503].contains(&reply.status), "{reply:?}");
        let id = &reply.json()["details"]["generation_id"];
        assert_eq!(vendor_cost(&service, &account, id).await, expected, "{model} {fault}");
    };
    for fault in ["429", "401", "quota", "overloaded", "refuse"] {
        check("openai", "dall-e-3", fault, None).await;
    }
    for fault in ["500", "malformed", "cut", "result-gone"] {
        check("openai", "dall-e-3", fault, Some(40_000)).await;
    }
    check("luma", "photon-1", "job-failed", None).await;
    check("luma", "photon-1", "result-gone", Some(15_000)).await;
    check("replicate", "flux-1.1-pro", "job-failed", None).await;
    check("replicate", "musicgen", "job-failed", Some(100_000)).await;
    check("midjourney", "midjourney-v6", "job-failed", Some(50_000)).await;
    check("openai", "gpt-5-nano", "500", None).await;
}

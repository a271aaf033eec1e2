//! How many generations a plan lets an account begin.

use crate::{media::TONE, refused};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Account, Reply, Service, TestDatabase, file, send};

testkit::on_each_database!(
    every_answer_says_what_is_left,
    of_many_at_once_exactly_as_many_are_begun_as_the_plan_allows,
    a_window_ends_and_another_starts_with_the_next_request,
    the_day_has_a_limit_of_its_own,
    a_plan_without_limits_says_nothing_of_them,
    a_higher_plan_counts_at_once,
);

const HOUR_MS: i64 = 3_600_000;

fn hello() -> Value {
    json!({ "model": "gpt-5-nano", "prompt": "hello" })
}

fn header(reply: &Reply, name: &str) -> Option<i64> {
    reply.header(name).map(|value| value.parse().unwrap())
}

/// The limit, what is left of it, and seconds until it starts anew.
fn left(reply: &Reply) -> Option<(i64, i64, i64)> {
    let [limit, remaining, reset] =
        ["limit", "remaining", "reset"].map(|what| header(reply, &format!("ratelimit-{what}")));
    assert_eq!((limit.is_some(), remaining.is_some()), (reset.is_some(), reset.is_some()), "{reply:?}");
    Some((limit?, remaining?, reset?))
}

async fn every_answer_says_what_is_left(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let audio = [file("audio", "speech.wav", TONE)];
    let wrong = json!({ "model": "gpt-5-nano", "prompt": "hello", "temperature": 9 });
    let broken = json!({ "model": "gpt-5-nano", "prompt": "[[fault:refuse]]" });
    // Before anything is begun the whole of a window lies ahead.
    let reply = service.post("/generate", key, &wrong).await;
    refused(&reply, 422, "validation_error");
    assert_eq!(left(&reply), Some((100, 100, 3_600)));
    for (expected, reply) in [
        (99, service.post("/generate", key, &hello()).await),
        (98, service.post("/generate/stream", key, &hello()).await),
        (97, service.post_form("/stt", key, &audio).await),
        (96, service.prefer(key, "respond-async", &hello()).await),
        // One that fails was begun.
        (95, service.post("/generate", key, &broken).await),
        // These were not.
        (95, service.post("/generate", key, &wrong).await),
        (95, service.post("/generate/stream", key, &json!({ "model": "gpt-0", "prompt": "hello" })).await),
        (95, service.post_form("/stt", key, &[]).await),
        (95, send(service.request(Method::POST, "/api/v2/generate", key).body("{")).await),
    ] {
        assert_eq!(left(&reply), Some((100, expected, 3_600)), "{reply:?}");
    }
    service.clock.advance_ms(1_500);
    let poor = service.account_with(0).await;
    let reply = service.post("/generate", &poor.key, &hello()).await;
    refused(&reply, 402, "insufficient_tokens");
    assert!(left(&reply).is_some());
    let reply = service.post("/generate", key, &hello()).await;
    assert_eq!(left(&reply), Some((100, 94, 3_599)));
    // A plan without API access has limits as well.
    let free = service.account("free", 0).await;
    let reply = service.post("/generate", &free.key, &hello()).await;
    refused(&reply, 403, "insufficient_plan");
    assert_eq!(left(&reply), Some((20, 20, 3_600)));
    // Other routes start nothing, and nobody's limits are nobody's.
    assert_eq!(left(&service.get("/balance", key).await), None);
    assert_eq!(left(&service.post("/generate", "", &hello()).await), None);
}

async fn of_many_at_once_exactly_as_many_are_begun_as_the_plan_allows(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("vip", 0).await;
    database.execute("UPDATE wallets SET hour_count = 88, day_count = 500").await.unwrap();
    let now = service.get("/balance", &account.key).await.expect(200);
    assert_eq!(now["token_balance"], 1_500);
    let started = domain::port::Clock::now(&*service.clock).unix_ms() - 60_000;
    let sql = format!("UPDATE wallets SET hour_started_at_ms = {started}, day_started_at_ms = {started}");
    database.execute(&sql).await.unwrap();
    let replies = (0..40).map(|number| {
        let (service, key) = ([&service, &other][number % 2], &account.key);
        async move { service.post("/generate", key, &hello()).await }
    });
    let (begun, refusals): (Vec<_>, Vec<_>) =
        join_all(replies).await.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((begun.len(), refusals.len()), (12, 28));
    // Each of those that were begun was told another number.
    let mut told: Vec<i64> = begun.iter().map(|reply| left(reply).unwrap().1).collect();
    told.sort_unstable();
    assert_eq!(told, (0..12).collect::<Vec<_>>());
    for reply in refusals {
        assert_eq!(refused(&reply, 429, "rate_limit_exceeded"), json!({}));
        assert_eq!(left(&reply), Some((100, 0, 3_540)));
        assert_eq!(header(&reply, "retry-after"), Some(3_540));
    }
    assert_eq!((service.calls().await, service.balance(&account.key).await), (12, 1_488));
    service.assert_verifies().await;
}

/// Has the account begun all but `left` of an hour's generations, just now.
async fn begun_all_but(database: &TestDatabase, service: &Service, account: &Account, left: i64) {
    let now = domain::port::Clock::now(&*service.clock).unix_ms();
    let set = format!("hour_count = {}, hour_started_at_ms = {now}", 100 - left);
    database.execute(&format!("UPDATE wallets SET {set} WHERE account_id = {}", account.id)).await.unwrap();
}

async fn a_window_ends_and_another_starts_with_the_next_request(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    begun_all_but(&database, &service, &account, 1).await;
    service.post("/generate", &account.key, &hello()).await.expect(200);
    let reply = service.post("/generate", &account.key, &hello()).await;
    refused(&reply, 429, "rate_limit_exceeded");
    // Whoever comes back when told to is let in.
    let wait_ms = header(&reply, "retry-after").unwrap() * 1_000;
    assert_eq!(wait_ms, HOUR_MS);
    service.clock.advance_ms(wait_ms - 1_000);
    let reply = service.post("/generate", &account.key, &hello()).await;
    assert_eq!((reply.status, header(&reply, "retry-after")), (429, Some(1)));
    service.clock.advance_ms(1_000);
    let reply = service.post("/generate", &account.key, &hello()).await;
    assert_eq!((reply.status, left(&reply)), (200, Some((100, 99, 3_600))));
    // An hour in which nothing is begun is no window.
    service.clock.advance_ms(HOUR_MS * 3 / 2);
    for expected in [(100, 99, 3_600), (100, 98, 3_600)] {
        assert_eq!(left(&service.post("/generate", &account.key, &hello()).await), Some(expected));
    }
}

async fn the_day_has_a_limit_of_its_own(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    service.post("/generate", &account.key, &hello()).await.expect(200);
    database.execute("UPDATE wallets SET day_count = 998").await.unwrap();
    for expected in [(1_000, 1, 86_400), (1_000, 0, 86_400)] {
        let reply = service.post("/generate", &account.key, &hello()).await;
        assert_eq!((reply.status, left(&reply)), (200, Some(expected)));
    }
    service.clock.advance_ms(2 * HOUR_MS);
    let reply = service.post("/generate", &account.key, &hello()).await;
    refused(&reply, 429, "rate_limit_exceeded");
    assert_eq!(header(&reply, "retry-after"), Some(22 * 3_600));
    assert_eq!(left(&reply), Some((1_000, 0, 22 * 3_600)));
    service.clock.advance_ms(22 * HOUR_MS);
    let reply = service.post("/generate", &account.key, &hello()).await;
    assert_eq!((reply.status, left(&reply)), (200, Some((100, 99, 3_600))));
}

async fn a_plan_without_limits_says_nothing_of_them(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("elite", 0).await;
    let now = domain::port::Clock::now(&*service.clock).unix_ms();
    let set = "hour_count = 90000, day_count = 90000";
    let sql = format!("UPDATE wallets SET {set}, hour_started_at_ms = {now}, day_started_at_ms = {now}");
    database.execute(&sql).await.unwrap();
    for (body, status) in [(hello(), 200), (json!({ "model": "gpt-0" }), 404)] {
        let reply = service.post("/generate", &account.key, &body).await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!((left(&reply), reply.header("retry-after")), (None, None));
    }
}

async fn a_higher_plan_counts_at_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    begun_all_but(&database, &service, &account, 0).await;
    refused(&service.post("/generate", &account.key, &hello()).await, 429, "rate_limit_exceeded");
    database.execute("UPDATE wallets SET cycle_plan = 'elite'").await.unwrap();
    let reply = service.post("/generate", &account.key, &hello()).await;
    assert_eq!((reply.status, left(&reply)), (200, None), "{reply:?}");
}

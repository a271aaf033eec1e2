//! Requests in OpenAI's shape that bear a name, and what answers tell of limits.

use super::{asking, question, recorded, refused, with};
use crate::{
    eventually,
    media::{TONE, patient},
};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Reply, Service, Setup, TestDatabase, file, send, text};

testkit::on_each_database!(
    a_conversation_is_repeated_plain_and_streamed,
    files_are_repeated_without_another_charge,
    failures_are_repeated_as_they_were,
    a_file_that_cannot_be_read_is_no_reason_to_ask_again,
    a_repeat_that_gives_up_cancels_nothing,
    every_answer_says_what_is_left,
);

async fn named(service: &Service, path: &str, (key, name): (&str, &str), body: &Value) -> Reply {
    let request = service.request(Method::POST, path, key).header("content-type", "application/json");
    send(request.header("idempotency-key", name).body(body.to_string())).await
}

const CHAT: &str = "/v1/chat/completions";

fn assert_replay(first: &Reply, again: &Reply) {
    assert_eq!(first.header("idempotent-replayed"), None, "{first:?}");
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "{again:?}");
    let id = "x-neuralbox-generation-id";
    assert_eq!((again.status, again.header(id)), (first.status, first.header(id)), "{again:?}");
}

async fn a_conversation_is_repeated_plain_and_streamed(database: TestDatabase) {
    let service = &Service::start(&database).await;
    let account = service.account_with(10).await;
    let key = &account.key;
    let body = question("gpt-5");
    let first = named(service, CHAT, (key, "a"), &body).await;
    let answer = first.expect(200);
    service.clock.advance_ms(5_000);
    let again = named(service, CHAT, (key, "a"), &with(body.clone(), &json!({ "user": "ann" }))).await;
    assert_replay(&first, &again);
    assert_eq!(again.json(), answer);

    let more = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let streamed = named(service, CHAT, (key, "a"), &with(body.clone(), &more)).await;
    assert_replay(&first, &streamed);
    let events = streamed.events();
    let [start, words, end, usage, done] = events.as_slice() else { panic!("{events:?}") };
    let delta = |event: &Value| event["choices"][0]["delta"].clone();
    assert_eq!(delta(start), json!({ "role": "assistant", "content": "", "refusal": null }));
    assert_eq!(delta(words), json!({ "content": answer["choices"][0]["message"]["content"] }));
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    assert_eq!((&usage["usage"], done), (&answer["usage"], &json!("[DONE]")));
    assert_eq!((&start["id"], &start["created"]), (&answer["id"], &answer["created"]));

    let other = named(service, CHAT, (key, "a"), &asking("gpt-5", "And the sky?")).await;
    refused(&other, 409, "idempotency_conflict");
    assert_eq!(other.header("x-should-retry"), Some("false"));
    let nameless = named(service, CHAT, (key, "\u{e4}"), &body).await;
    assert_eq!(refused(&nameless, 400, "validation_error")["param"], "Idempotency-Key");
    assert_eq!((service.calls().await, service.balance(key).await), (1, 8));
    service.assert_verifies().await;
}

async fn files_are_repeated_without_another_charge(database: TestDatabase) {
    let service = &Service::start_with(&database, patient()).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    for (name, path, body) in [
        ("job", "/v1/images/generations", json!({ "model": "photon-1", "prompt": "A boat." })),
        ("picture", "/v1/images/generations", json!({ "model": "gpt-image-1.5", "prompt": "A boat." })),
        ("sound", "/v1/audio/speech", json!({ "model": "openai-tts", "input": "Hello." })),
    ] {
        let first = service.pumping(named(service, path, (key, name), &body)).await;
        assert_eq!(first.status, 200, "{name}: {first:?}");
        let (calls, balance) = (service.calls().await, service.balance(key).await);
        let again = named(service, path, (key, name), &body).await;
        assert_replay(&first, &again);
        assert_eq!(again.bytes, first.bytes, "{name}");
        assert_eq!((service.calls().await, service.balance(key).await), (calls, balance), "{name}");
    }
    let speech = async |format: &str| {
        let parts = [text("model", "whisper"), text("response_format", format), file("file", "a.wav", TONE)];
        let request = service.posting_form("/v1/audio/transcriptions", key, &parts);
        send(request.header("idempotency-key", "speech")).await
    };
    let first = speech("json").await;
    let (words, balance) = (first.expect(200)["text"].clone(), service.balance(key).await);
    let again = speech("text").await;
    assert_replay(&first, &again);
    assert_eq!((json!(again.body), service.balance(key).await), (words, balance));
    service.assert_verifies().await;
}

async fn failures_are_repeated_as_they_were(database: TestDatabase) {
    let service = &Service::start_with(&database, Setup { file_wait_ms: 400, ..patient() }).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    for (path, body, status, code) in [
        (CHAT, asking("gpt-5", "[[fault:refuse]]"), 400, "content_policy_violation"),
        (CHAT, asking("gpt-5", "[[fault:500]]"), 500, "provider_error"),
        (
            "/v1/images/generations",
            json!({ "model": "photon-1", "prompt": "[[fault:job-stuck]]" }),
            504,
            "timeout",
        ),
    ] {
        let first = named(service, path, (key, code), &body).await;
        let error = refused(&first, status, code);
        let calls = service.calls().await;
        let again = named(service, path, (key, code), &body).await;
        assert_replay(&first, &again);
        assert_eq!(again.header("x-should-retry"), Some("false"), "{again:?}");
        assert_eq!((refused(&again, status, code), service.calls().await), (error, calls));
    }
    assert_eq!(service.balance(key).await, 1_500);
}

/// What was charged is not to be asked for again by a client that knows no better.
async fn a_file_that_cannot_be_read_is_no_reason_to_ask_again(database: TestDatabase) {
    let service = &Service::start_with(&database, patient()).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let body = json!({ "model": "openai-tts", "input": "Hello." });
    let first = named(service, "/v1/audio/speech", (key, "a"), &body).await;
    assert_eq!(first.status, 200, "{first:?}");
    // The file's time is over.
    database.execute("UPDATE files SET expires_at_ms = 1").await.unwrap();
    let again = named(service, "/v1/audio/speech", (key, "a"), &body).await;
    assert_eq!(again.status, 503, "{again:?}");
    refused(&again, 503, "overloaded");
    assert_eq!((again.header("x-should-retry"), again.header("retry-after")), (Some("false"), None));
    let id = again.header("x-neuralbox-generation-id").unwrap();
    assert!(again.body.contains(&format!("see GET /api/v2/generate/{id}\"")), "{again:?}");
    assert_eq!(recorded(service, key, &again).await["status"], "completed");
}

async fn a_repeat_that_gives_up_cancels_nothing(database: TestDatabase) {
    let service = &Service::start_with(&database, patient()).await;
    let hasty = &service.another_with(&database, Setup { file_wait_ms: 100, ..patient() }).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let body = json!({ "model": "photon-1", "prompt": "A red boat." });
    let path = "/v1/images/generations";
    let repeating = async {
        let auditor = database.auditor().await;
        let begun = eventually(async || auditor.read("jobs", &["generation_id"]).await.pop()).await;
        let again = named(hasty, path, (key, "a"), &body).await;
        assert_eq!(again.header("x-should-retry"), Some("false"));
        refused(&again, 503, "overloaded");
        let id = json!(begun[0].parse::<i64>().unwrap());
        assert_eq!(service.generation(key, &id).await["status"], "pending");
        service.pump(key, &id).await;
    };
    let (first, ()) = tokio::join!(named(service, path, (key, "a"), &body), repeating);
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(service.balance(key).await, 1_497);
    assert_replay(&first, &named(hasty, path, (key, "a"), &body).await);
    service.assert_verifies().await;
}

async fn every_answer_says_what_is_left(database: TestDatabase) {
    let service = &Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let left = |reply: &Reply| reply.header("ratelimit-remaining").map(str::to_owned);
    for (body, status, expected) in [
        (question("gpt-5"), 200, "99"),
        (with(question("gpt-5"), &json!({ "stream": true })), 200, "98"),
        (asking("gpt-5", "[[fault:refuse]]"), 400, "97"),
        (question("gpt-0"), 404, "97"),
        (with(question("gpt-5"), &json!({ "n": 2 })), 400, "97"),
    ] {
        let reply = super::complete(service, key, &body).await;
        assert_eq!((reply.status, left(&reply).as_deref()), (status, Some(expected)), "{reply:?}");
        assert_eq!(reply.header("ratelimit-limit"), Some("100"), "{reply:?}");
    }
    database.execute("UPDATE wallets SET hour_count = 100").await.unwrap();
    let reply = super::complete(service, key, &question("gpt-5")).await;
    refused(&reply, 429, "rate_limit_exceeded");
    assert_eq!((left(&reply).as_deref(), reply.header("x-should-retry")), (Some("0"), None));
    assert_eq!(reply.header("retry-after"), reply.header("ratelimit-reset"));
}

//! Requests that bear a name: whatever happens, the same one does nothing twice and gets one answer.

mod orders;

use crate::{
    media::{TONE, patient},
    refused, wrong_fields,
};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Reply, Service, Setup, TestDatabase, file, send, text};

testkit::on_each_database!(
    a_repeat_gets_the_first_answer,
    a_failure_is_repeated_as_a_failure,
    what_is_refused_before_the_hold_binds_nothing,
    another_request_under_the_name_is_refused,
    of_many_at_once_one_begins_and_all_get_its_answer,
    a_stream_and_a_plain_answer_are_two_ways_to_tell_one,
    a_job_is_promised_again_as_it_was,
    a_repeat_outlives_the_process_that_began,
    a_recording_is_told_by_what_is_in_it,
    a_repeat_does_without_todays_catalog,
    a_name_is_kept_for_a_day,
);

/// A `POST` under a name.
async fn named(service: &Service, path: &str, key: &str, name: &str, body: &Value) -> Reply {
    named_preferring(service, path, key, (name, ""), body).await
}

async fn named_preferring(
    service: &Service,
    path: &str,
    key: &str,
    (name, prefer): (&str, &str),
    body: &Value,
) -> Reply {
    let request = service.request(Method::POST, &format!("/api/v2{path}"), key);
    let request = request.header("content-type", "application/json").header("idempotency-key", name);
    let request = if prefer.is_empty() { request } else { request.header("prefer", prefer) };
    send(request.body(body.to_string())).await
}

fn is_replay(reply: &Reply) -> bool {
    let replayed = reply.header("idempotent-replayed");
    assert!(matches!(replayed, None | Some("true")), "{reply:?}");
    replayed.is_some()
}

/// Expects the same answer once more.
fn assert_replays(first: &Reply, again: &Reply) {
    assert!(!is_replay(first) && is_replay(again), "{first:?}\n{again:?}");
    // Each test process hands out its files under its own port.
    assert_eq!((first.status, without_ports(first)), (again.status, without_ports(again)));
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(again.header("content-type"), Some("application/json"));
}

fn without_ports(reply: &Reply) -> Value {
    let mut body = reply.json();
    for name in ["result_url", "thumbnail_url"] {
        if let Some(url) = body[name].as_str() {
            body[name] = url.rsplit('/').next().into();
        }
    }
    body
}

fn hello() -> Value {
    json!({ "model": "gpt-5", "prompt": "hello" })
}

async fn a_repeat_gets_the_first_answer(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let first = named(&service, "/generate", key, "once", &hello()).await;
    assert_eq!(first.expect(200)["balance_remaining"], 1_498);
    // What the account can spend has changed since then; the answer has not.
    service.generate(key, "gpt-5", "hello").await.expect(200);
    service.clock.advance_ms(10_000);
    let nested = json!({ "params": { "prompt": "hello" }, "model": "gpt-5", "stream": false });
    for body in [hello(), json!({ "prompt": "hello", "model": "gpt-5", "temperature": null }), nested] {
        let again = named(&service, "/generate", key, "once", &body).await;
        assert_replays(&first, &again);
        // It counts for nothing.
        assert_eq!(again.header("ratelimit-remaining"), Some("98"));
    }
    // Over a restart, and with another key of the account.
    let other = service.another(&database).await;
    let second = other.app.create_key(account.id, "second").await.unwrap();
    assert_replays(&first, &named(&other, "/generate", &second.api_key, "once", &hello()).await);
    // Somebody else's names are their own.
    let somebody = service.account("vip", 0).await;
    assert!(!is_replay(&named(&service, "/generate", &somebody.key, "once", &hello()).await));
    assert_eq!((service.calls().await, service.balance(key).await), (3, 1_496));
    service.assert_verifies().await;
}

async fn a_failure_is_repeated_as_a_failure(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for (fault, status, code) in [
        ("refuse", 422, "content_refused"),
        ("500", 500, "provider_error"),
        ("401", 503, "model_unavailable"),
    ] {
        let body = json!({ "model": "gpt-5", "prompt": format!("[[fault:{fault}]]") });
        let first = named(&service, "/generate", &account.key, fault, &body).await;
        refused(&first, status, code);
        let calls = service.calls().await;
        let again = named(&service, "/generate", &account.key, fault, &body).await;
        assert_replays(&first, &again);
        let streamed = named(&service, "/generate/stream", &account.key, fault, &body).await;
        let events = streamed.events();
        assert_eq!((streamed.status, events.len()), (200, 3), "{events:?}");
        assert_eq!((&events[1]["type"], &events[1]["error"]), (&json!("error"), &json!(code)));
        assert_eq!(events[1]["details"], first.json()["details"]);
        assert_eq!(service.calls().await, calls);
    }
    assert_eq!(service.balance(&account.key).await, 1_500);
    service.assert_verifies().await;
}

async fn what_is_refused_before_the_hold_binds_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(1).await;
    let key = &account.key;
    let wrong = json!({ "model": "gpt-5", "prompt": "hello", "temperature": 9 });
    for _ in 0..2 {
        let reply = named(&service, "/generate", key, "a", &wrong).await;
        refused(&reply, 422, "validation_error");
        assert!(!is_replay(&reply));
        let reply = named(&service, "/generate", key, "a", &hello()).await;
        refused(&reply, 402, "insufficient_tokens");
        assert!(!is_replay(&reply));
    }
    service.app.grant(account.id, 1).await.unwrap();
    let first = named(&service, "/generate", key, "a", &hello()).await;
    first.expect(200);
    // A repeat needs neither tokens nor room under the limits.
    database.execute("UPDATE wallets SET hour_count = 100, day_count = 1000").await.unwrap();
    refused(&service.generate(key, "gpt-5", "hello").await, 429, "rate_limit_exceeded");
    assert_replays(&first, &named(&service, "/generate", key, "a", &hello()).await);
    assert_eq!(service.calls().await, 1);
}

async fn another_request_under_the_name_is_refused(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let first = named(&service, "/generate", &account.key, "a", &hello()).await;
    first.expect(200);
    for body in [
        json!({ "model": "gpt-5", "prompt": "hello!" }),
        json!({ "model": "gpt-5-nano", "prompt": "hello" }),
        json!({ "model": "gpt-5", "prompt": "hello", "temperature": 1 }),
        json!({ "model": "gpt-5", "prompt": "hello", "system": "hello" }),
        json!({ "model": "gpt-5", "messages": [{ "role": "user", "content": "hello" }] }),
    ] {
        for path in ["/generate", "/generate/stream"] {
            let reply = named(&service, path, &account.key, "a", &body).await;
            if reply.status == 422 {
                continue;
            }
            refused(&reply, 409, "idempotency_conflict");
            assert!(!is_replay(&reply) && reply.header("ratelimit-remaining") == Some("99"), "{reply:?}");
        }
    }
    assert_replays(&first, &named(&service, "/generate", &account.key, "a", &hello()).await);
    assert_eq!((service.calls().await, service.balance(&account.key).await), (1, 1_498));
}

#[tokio::test]
async fn names_are_visible_and_not_endless() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let order = json!({ "plan": "elite", "method": "yookassa" });
    for name in ["", " ", "a b", "\u{e4}", "a\tb", &"x".repeat(256)] {
        for (path, body) in
            [("/generate", &hello()), ("/generate/stream", &hello()), ("/billing/subscription", &order)]
        {
            let reply = named(&service, path, &account.key, name, body).await;
            wrong_fields(&reply, &["Idempotency-Key"]);
        }
    }
    let twice = service.request(Method::POST, "/api/v2/generate", &account.key);
    let twice = twice.header("content-type", "application/json").header("idempotency-key", "a");
    let twice = twice.header("idempotency-key", "b").body(hello().to_string());
    wrong_fields(&send(twice).await, &["Idempotency-Key"]);
    assert_eq!(service.calls().await, 0);
    for name in ["!", "~", "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", &"x".repeat(255)] {
        named(&service, "/generate", &account.key, name, &hello()).await.expect(200);
    }
}

async fn of_many_at_once_one_begins_and_all_get_its_answer(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("vip", 0).await;
    for (name, prompt, status) in
        [("a", "[[delay:400]] hello", 200), ("b", "hello", 200), ("c", "[[fault:refuse]]", 422)]
    {
        let calls = service.calls().await;
        let body = json!({ "model": "gpt-5", "prompt": prompt });
        let replies = (0..24).map(|number| {
            let (service, key, body) = ([&service, &other][number % 2], &account.key, &body);
            async move { named(service, "/generate", key, name, body).await }
        });
        let replies = join_all(replies).await;
        assert_eq!(replies.iter().filter(|reply| !is_replay(reply)).count(), 1);
        for reply in &replies {
            assert_eq!((reply.status, reply.json()), (status, replies[0].json()));
        }
        assert_eq!(service.calls().await, calls + 1);
    }
    assert_eq!(service.balance(&account.key).await, 1_496);
    let report = service.assert_verifies().await;
    assert_eq!((report.generations, report.open_holds), (3, 0));
}

/// What a stream says of a generation in one piece.
fn assert_streamed(reply: &Reply, answer: &Value) {
    let (id, model) = (&answer["id"], &answer["model_slug"]);
    let (spent, balance) = (&answer["tokens_spent"], &answer["balance_remaining"]);
    let expected = [
        json!({ "type": "generation_start", "id": id, "model": model }),
        json!({ "type": "content_delta", "delta": answer["result_text"] }),
        json!({ "type": "generation_end", "id": id, "tokens_spent": spent, "balance_remaining": balance }),
        json!("[DONE]"),
    ];
    assert!(reply.status == 200 && is_replay(reply), "{reply:?}");
    assert_eq!(reply.events(), expected);
}

async fn a_stream_and_a_plain_answer_are_two_ways_to_tell_one(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let words = json!({ "model": "gpt-5", "prompt": "Why is the sea salt, and since when? [[delay:300]]" });
    let mut streaming = words.clone();
    streaming["stream"] = json!(true);
    // The stream is first, and others come while it runs.
    let begun = service.request(Method::POST, "/api/v2/generate/stream", key);
    let begun = begun.header("content-type", "application/json").header("idempotency-key", "a");
    let begun = begun.body(words.to_string()).send().await.unwrap();
    assert_eq!((begun.status().as_u16(), begun.headers().get("idempotent-replayed")), (200, None));
    let (plain, stream, elsewhere) = tokio::join!(
        named(&service, "/generate", key, "a", &words),
        named(&service, "/generate", key, "a", &streaming),
        named(&other, "/generate/stream", key, "a", &words),
    );
    let answer = plain.expect(200);
    assert!(is_replay(&plain) && answer["status"] == "completed", "{plain:?}");
    assert_streamed(&stream, &answer);
    assert_streamed(&elsewhere, &answer);
    let told = begun.text().await.unwrap();
    assert!(told.contains("generation_end") && told.contains(&format!("\"id\":{}", answer["id"])), "{told}");
    // And the other way round.
    let first = named(&service, "/generate", key, "b", &words).await;
    let answer = first.expect(200);
    assert!(!is_replay(&first));
    assert_streamed(&named(&other, "/generate/stream", key, "b", &words).await, &answer);
    assert_eq!((service.calls().await, service.balance(key).await), (2, 1_496));
}

async fn a_job_is_promised_again_as_it_was(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let other = service.another(&database).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let photon = json!({ "model": "photon-1", "prompt": "A red boat on the sea." });
    let first = named(&service, "/generate", key, "a", &photon).await;
    let promised = first.expect(202);
    assert_eq!((&promised["status"], &promised["balance_remaining"]), (&json!("pending"), &json!(1_497)));
    assert_replays(&first, &named(&other, "/generate", key, "a", &photon).await);
    service.generate(key, "gpt-5", "hello").await.expect(200);
    let done = service.pump(key, &promised["id"]).await;
    assert_eq!(done["status"], "completed");
    assert_replays(&first, &named(&other, "/generate", key, "a", &photon).await);
    // How long the first waited is how long a repeat does.
    let preferring = named_preferring(&service, "/generate", key, ("a", "wait=30"), &photon).await;
    assert_replays(&first, &preferring);
    assert_eq!(preferring.header("preference-applied"), None);
    let waiting = named_preferring(&service, "/generate", key, ("b", "wait=30"), &photon);
    let first = service.pumping(waiting).await;
    assert_eq!(first.expect(200)["status"], "completed");
    service.generate(key, "gpt-5", "hello").await.expect(200);
    for prefer in ["wait=30", "", "respond-async"] {
        assert_replays(&first, &named_preferring(&other, "/generate", key, ("b", prefer), &photon).await);
    }
    // One that fails while its client waits.
    let failing = json!({ "model": "photon-1", "prompt": "[[fault:job-failed]]" });
    let waiting = named_preferring(&service, "/generate", key, ("c", "wait=30"), &failing);
    let first = service.pumping(waiting).await;
    refused(&first, 500, "provider_error");
    assert_replays(&first, &named_preferring(&other, "/generate", key, ("c", "wait=30"), &failing).await);
    // A model that answers at once, for a client that does not wait.
    let first = named_preferring(&service, "/generate", key, ("d", "respond-async"), &hello()).await;
    first.expect(202);
    crate::ended(&service, key, &first.json()["id"]).await;
    assert_replays(&first, &named(&other, "/generate", key, "d", &hello()).await);
    assert_eq!(service.balance(key).await, 1_500 - 2 * 3 - 3 * 2);
    service.assert_verifies().await;
}

async fn a_repeat_outlives_the_process_that_began(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let dying = service.another_with(&database, Setup { shutdown_grace_ms: 0, ..Setup::default() }).await;
    let body = json!({ "model": "gpt-5", "prompt": "[[fault:hang]]" });
    let begun = named_preferring(&dying, "/generate", &account.key, ("a", "wait=0"), &body).await;
    begun.expect(202);
    let request = named_preferring(&dying, "/generate", &account.key, ("b", ""), &body);
    let first = tokio::time::timeout(std::time::Duration::from_millis(500), request).await;
    assert!(first.is_err(), "it hangs");
    let repeat = named(&service, "/generate", &account.key, "b", &body);
    // The process ends without a word to those who wait for it.
    let end = async {
        dying.app.shut_down().await;
        dying.app.sign_off().await;
    };
    let (repeat, ()) = tokio::join!(repeat, end);
    refused(&repeat, 503, "overloaded");
    assert_eq!(repeat.header("retry-after"), None, "{repeat:?}");
    assert!(is_replay(&repeat));
    drop(dying);
    let again = named(&service, "/generate", &account.key, "b", &body).await;
    assert_eq!((again.status, again.json()), (repeat.status, repeat.json()));
    assert_replays(&begun, &named(&service, "/generate", &account.key, "a", &body).await);
    assert_eq!(service.balance(&account.key).await, 1_500);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn a_recording_is_told_by_what_is_in_it(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let post = async |name: &str, file_name: &str, sound: &[u8], language: &str| {
        let parts = [file("audio", file_name, sound), text("language", language)];
        service.post_form_as("/stt", &account.key, name, &parts).await
    };
    let first = post("a", "speech.wav", TONE, "en").await;
    first.expect(200);
    assert_replays(&first, &post("a", "another.wav", TONE, "en").await);
    let mut other = TONE.to_vec();
    other.extend([0, 0]);
    for reply in [post("a", "speech.wav", &other, "en").await, post("a", "speech.wav", TONE, "de").await] {
        refused(&reply, 409, "idempotency_conflict");
    }
    refused(&named(&service, "/generate", &account.key, "a", &hello()).await, 409, "idempotency_conflict");
    wrong_fields(&post("", "speech.wav", TONE, "en").await, &["Idempotency-Key"]);
    assert_eq!((service.calls().await, service.balance(&account.key).await), (1, 1_498));
}

async fn a_name_is_kept_for_a_day(database: TestDatabase) {
    const HOUR_MS: i64 = 3_600_000;
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let first = named(&service, "/generate", &account.key, "a", &hello()).await;
    service.clock.advance_ms(25 * HOUR_MS);
    assert_eq!(service.app.recover().await.unwrap().forgotten_requests, 0);
    assert_replays(&first, &named(&service, "/generate", &account.key, "a", &hello()).await);
    service.clock.advance_ms(1);
    assert_eq!(service.app.recover().await.unwrap().forgotten_requests, 1);
    assert!(!is_replay(&named(&service, "/generate", &account.key, "a", &hello()).await));
    assert_eq!(service.balance(&account.key).await, 1_496);
}

async fn a_repeat_does_without_todays_catalog(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let account = service.account("vip", 0).await;
    let key = &account.key;
    let first = named(&service, "/generate", key, "a", &hello()).await;
    first.expect(200);
    let clip = json!({ "model": "photon-1", "prompt": "A boat." });
    let promised = named(&service, "/generate", key, "b", &clip).await;
    promised.expect(202);
    for without_model in [Some("gpt-5"), Some("photon-1")] {
        let other = service.another_with(&database, Setup { without_model, ..patient() }).await;
        assert_replays(&first, &named(&other, "/generate", key, "a", &hello()).await);
        let again = named(&other, "/generate", key, "b", &clip).await;
        assert_eq!((again.status, is_replay(&again)), (202, true), "{again:?}");
        let (name, body) = if without_model == Some("gpt-5") { ("c", hello()) } else { ("d", clip.clone()) };
        refused(&named(&other, "/generate", key, name, &body).await, 404, "not_found");
    }
    assert_eq!(service.calls_of("openai").await, 1);
}

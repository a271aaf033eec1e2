//! Word of generations' ends.

use super::{Receiver, deliveries, generate, listen};
use crate::{jobs::photon, refused, wrong_fields};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use testkit::{Account, Service, Setup, TestDatabase};

testkit::on_each_database!(
    what_completes_is_told,
    what_fails_is_told,
    what_is_canceled_is_told,
    a_jobs_end_is_told,
    what_a_dead_process_left_is_told,
    nothing_is_written_for_nobody,
    clocks_may_differ,
    only_what_is_asked_for_is_told,
    a_generation_has_an_address_of_its_own,
    an_address_of_its_own_is_part_of_the_request,
    what_was_settled_before_a_crash_is_told,
);

async fn events(database: &TestDatabase) -> Vec<Vec<String>> {
    database.auditor().await.read("events", &["type", "is_new"]).await
}

async fn what_completes_is_told(database: TestDatabase) {
    // The official library holds the time against the machine's.
    let service = Service::start_with(&database, Setup { callbacks: true, ..Setup::default() }).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    let answer = generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);

    let message = receiver.message().await;
    let body = message.body();
    let seen = service.generation(&account.key, &answer["id"]).await;
    assert_eq!(body["type"], "generation.completed");
    assert_eq!((&body["data"], &body["timestamp"]), (&seen, &seen["completed_at"]));
    assert_eq!(body.as_object().unwrap().len(), 3);
    assert_eq!(message.header("content-type"), "application/json");
    let verifier = Webhook::new(webhook["secret"].as_str().unwrap()).unwrap();
    verifier.verify(&message.0.body, &message.0.headers).unwrap();
    let mut forged = message.0.body.clone();
    forged[10] ^= 1;
    assert!(verifier.verify(&forged, &message.0.headers).is_err());

    let sent = deliveries(&service, &account, &webhook["id"]).await;
    assert_eq!(sent.len(), 1);
    assert_eq!((&sent[0]["status"], &sent[0]["attempts"]), (&json!("succeeded"), &json!(1)));
    assert_eq!((&sent[0]["response_status"], &sent[0]["error"]), (&json!(204), &Value::Null));
    assert_eq!((&sent[0]["type"], &sent[0]["next_attempt_at"]), (&body["type"], &Value::Null));
    assert_eq!(sent[0]["webhook_id"], message.id());
    assert_eq!(service.deliver().await, 0);
}

async fn what_fails_is_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    listen(&service, &account, &receiver, &[]).await;
    let answer = generate(&service, &account, "[[fault:500]]").await.expect(500);
    // What is refused before anything is held is no generation.
    refused(&service.generate(&account.key, "no-such-model", "Hello.").await, 404, "not_found");
    assert_eq!(service.deliver().await, 1);
    let message = receiver.message().await;
    assert_eq!(message.kind(), "generation.failed");
    let seen = service.generation(&account.key, &answer["details"]["generation_id"]).await;
    assert_eq!((&message.body()["data"], &seen["error_code"]), (&seen, &json!("provider_error")));
}

async fn what_is_canceled_is_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    listen(&service, &account, &receiver, &["generation.failed"]).await;
    let id = service.begin_job(&account, &photon()).await;
    service.cancel(&account.key, &id).await.expect(200);
    assert_eq!(service.deliver().await, 1);
    assert_eq!(receiver.message().await.body()["data"]["error_code"], "canceled");
}

async fn a_jobs_end_is_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    listen(&service, &account, &receiver, &[]).await;
    let id = service.begin_job(&account, &photon()).await;
    assert_eq!(service.deliver().await, 0);
    let seen = service.pump(&account.key, &id).await;
    assert_eq!(service.deliver().await, 1);
    let body = receiver.message().await.body();
    assert_eq!((&body["type"], &body["data"]), (&json!("generation.completed"), &seen));
    assert!(body["data"]["result_url"].is_string());
}

async fn what_a_dead_process_left_is_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    listen(&service, &account, &receiver, &[]).await;
    let spender = service.spender().await;
    spender.hold(&account, 5).await.unwrap();
    // Ten minutes past its deadline a hold is nobody's, whoever lives.
    service.clock.advance_ms(500 * 86_400_000);
    service.app.heartbeat().await.unwrap();
    service.app.recover().await.unwrap();
    assert_eq!(service.deliver().await, 1);
    assert_eq!(receiver.message().await.kind(), "generation.failed");
}

async fn nothing_is_written_for_nobody(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(events(&database).await.len(), 0);
    let webhook = listen(&service, &account, &receiver, &[]).await;
    // Somebody else's generations are none of its business.
    let other = service.account("vip", 0).await;
    generate(&service, &other, "Hello.").await.expect(200);
    assert_eq!(events(&database).await.len(), 0);
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(events(&database).await.len(), 1);
    super::change(&service, &account, &webhook["id"], &json!({ "status": "disabled" })).await.expect(200);
    generate(&service, &account, "Hello.").await.expect(200);
    super::change(&service, &account, &webhook["id"], &json!({ "status": "enabled" })).await.expect(200);
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(events(&database).await.len(), 2);
    assert_eq!(super::delete(&service, &account, &webhook["id"]).await.status, 204);
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(events(&database).await.len(), 2);
    assert_eq!(service.deliver().await, 0);
}

async fn clocks_may_differ(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    listen(&service, &account, &receiver, &[]).await;
    // As by the clock of a process that is ahead by five minutes, and then by more.
    for (ahead_ms, told) in [(300_000, 1), (1, 0)] {
        let sql = format!("UPDATE webhook_endpoints SET created_at_ms = created_at_ms + {ahead_ms}");
        database.execute(&sql).await.unwrap();
        generate(&service, &account, "Hello.").await.expect(200);
        assert_eq!(service.deliver().await, told, "{ahead_ms}");
    }
}

async fn only_what_is_asked_for_is_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let (all, failures) = (Receiver::start().await, Receiver::start().await);
    listen(&service, &account, &all, &[]).await;
    listen(&service, &account, &failures, &["generation.failed"]).await;
    generate(&service, &account, "Hello.").await.expect(200);
    generate(&service, &account, "[[fault:500]]").await.expect(500);
    assert_eq!(service.deliver().await, 3);
    let messages = all.messages().await;
    assert_eq!(messages.len(), 2);
    let failed = failures.message().await;
    assert_eq!(failed.kind(), "generation.failed");
    // The same event has the same id wherever it goes.
    assert!(messages.iter().any(|message| message.id() == failed.id()));
    assert!(events(&database).await.iter().all(|event| event[1] == "0"));
}

async fn own_secret(service: &Service, account: &Account) -> Value {
    service.get("/webhooks/secret", &account.key).await.expect(200)["secret"].clone()
}

async fn a_generation_has_an_address_of_its_own(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let (receiver, endpoint) = (Receiver::start().await, Receiver::start().await);
    let ask = |url: Value| json!({ "model": "gpt-5-nano", "prompt": "Hello.", "webhook_url": url });
    let answer = service.post("/generate", &account.key, &ask(json!(receiver.url()))).await.expect(200);
    assert_eq!(service.deliver().await, 1);
    let message = receiver.message().await;
    assert_eq!(message.body()["data"], service.generation(&account.key, &answer["id"]).await);
    let secret = own_secret(&service, &account).await;
    assert!(message.is_signed_by(&secret));
    assert_ne!(secret, own_secret(&service, &service.account("vip", 0).await).await);

    // Beside an endpoint, which has a secret of its own; a generation without one tells the endpoint alone.
    let webhook = listen(&service, &account, &endpoint, &[]).await;
    let failing = json!({ "model": "gpt-5-nano", "prompt": "[[fault:500]]", "webhook_url": receiver.url() });
    service.post("/generate", &account.key, &failing).await.expect(500);
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 3);
    assert_eq!((receiver.messages().await.len(), endpoint.messages().await.len()), (2, 2));
    for message in endpoint.messages().await {
        assert!(message.is_signed_by(&webhook["secret"]) && !message.is_signed_by(&secret));
    }

    let long = format!("https://example.org/{}", "a".repeat(2_048));
    for url in [
        json!("not a url"),
        json!("ftp://example.org/"),
        json!("https://me@example.org/"),
        json!(7),
        json!(long),
    ] {
        wrong_fields(&service.post("/generate", &account.key, &ask(url)).await, &["webhook_url"]);
    }
    let ignored = ask(Value::Null);
    service.post("/generate", &account.key, &ignored).await.expect(200);
}

async fn an_address_of_its_own_is_part_of_the_request(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let ask = async |url: String| {
        let request = service.request(reqwest::Method::POST, "/api/v2/generate", &account.key);
        let body = json!({ "model": "gpt-5-nano", "prompt": "Hello.", "webhook_url": url });
        let request = request.header("content-type", "application/json").header("idempotency-key", "one");
        testkit::send(request.body(body.to_string())).await
    };
    let first = ask(receiver.url()).await.expect(200);
    assert_eq!(ask(receiver.url()).await.expect(200)["id"], first["id"]);
    refused(&ask(format!("{}/other", receiver.url())).await, 409, "idempotency_conflict");
    assert_eq!(service.deliver().await, 1);
}

async fn what_was_settled_before_a_crash_is_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    generate(&service, &account, "Hello.").await.expect(200);
    let other = service.another(&database).await;
    drop(service);
    assert_eq!(other.deliver().await, 1);
    assert!(receiver.message().await.is_signed_by(&webhook["secret"]));
}

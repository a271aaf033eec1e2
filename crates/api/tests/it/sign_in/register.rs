//! Opening an account, and signing in by a password.

use super::{PASSWORD, log_in, me, register, signed_in};
use crate::{refused, wrong_fields};
use serde_json::json;
use testkit::{Backend, Service, Setup, TestDatabase};

testkit::on_each_database!(
    an_account_is_opened_and_signs_in,
    an_address_has_one_account,
    who_is_unknown_is_told_the_same,
    web_sign_in_works_on_every_plan,
);

async fn an_account_is_opened_and_signs_in(database: TestDatabase) {
    let service = Service::start(&database).await;
    let body = json!({ "email": " Ann@Example.org ", "password": PASSWORD, "name": " Ann " });
    let reply = service.post("/auth/register", "", &body).await;
    let answer = reply.expect(201);
    let user = &answer["user"];
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("bearer"), &json!(900)));
    assert_eq!(*user, json!({ "id": user["id"], "name": "Ann", "plan": "free", "token_balance": 50 }));
    assert_eq!(answer.as_object().unwrap().len(), 4);
    let cookie = reply.header("set-cookie").unwrap();
    let token = super::cookie_of(&reply);
    let expected =
        format!("neuralbox_refresh={token}; Path=/api/v2/auth; Max-Age=2592000; HttpOnly; SameSite=Strict");
    assert_eq!(cookie, expected);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert!(!reply.body.contains(&token));
    let first = signed_in(&reply);
    let again = log_in(&service, "ANN@example.ORG", PASSWORD).await;
    assert_eq!(again.expect(200)["user"], *user);
    let second = signed_in(&again);
    for person in [&first, &second] {
        assert_eq!(me(&service, person.access()).await.expect(200)["email"], "Ann@Example.org");
    }
    assert_ne!(first.cookie, second.cookie);
    // Starter's tokens were given once, and neither token nor password lies in the database.
    assert_eq!(service.balance(second.access()).await, 50);
    let auditor = database.auditor().await;
    let kept = auditor.read("sessions", &["family_hash", "token_hash"]).await.concat();
    let hashes = auditor.read("accounts", &["password_hash"]).await.concat();
    assert!(hashes[0].starts_with("$argon2id$v=19$"), "{hashes:?}");
    for secret in [&first.cookie, &second.cookie, &PASSWORD.to_owned()] {
        assert!(!kept.iter().chain(&hashes).any(|text| text.contains(secret.as_str())));
    }
    service.assert_verifies().await;
}

async fn an_address_has_one_account(database: TestDatabase) {
    let service = Service::start(&database).await;
    register(&service, "ann@example.org").await;
    let body = json!({ "email": "ANN@example.org", "password": "another one", "name": "Bob" });
    wrong_fields(&service.post("/auth/register", "", &body).await, &["email"]);
    refused(&log_in(&service, "ann@example.org", "another one").await, 401, "not_authenticated");
    log_in(&service, "ann@example.org", PASSWORD).await.expect(200);
    let at_once = json!({ "email": "bob@example.org", "password": PASSWORD, "name": "Bob" });
    let replies = (0..6).map(|_| service.post("/auth/register", "", &at_once));
    let replies = futures_util::future::join_all(replies).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        wrong_fields(reply, &["email"]);
    }
    assert_eq!(database.auditor().await.read("accounts", &["id"]).await.len(), 2);
    service.assert_verifies().await;
}

async fn who_is_unknown_is_told_the_same(database: TestDatabase) {
    let service = Service::start(&database).await;
    register(&service, "ann@example.org").await;
    // One without a password, as an operator makes them.
    let made = service.account("free", 0).await;
    let made = database
        .auditor()
        .await
        .read("accounts", &["id", "email"])
        .await
        .into_iter()
        .find_map(|row| (row[0] == made.id.to_string()).then(|| row[1].clone()));
    let mut answers = Vec::new();
    for email in ["ann@example.org", "nobody@example.org", "nonsense", "", &made.unwrap()] {
        let reply = log_in(&service, email, "wrong password").await;
        refused(&reply, 401, "not_authenticated");
        assert_eq!(reply.header("set-cookie"), None);
        answers.push(reply.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

async fn web_sign_in_works_on_every_plan(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = register(&service, "ann@example.org").await;
    let made = service.generate(ann.access(), "gpt-5-nano", "hello").await.expect(200);
    let path = format!("/generate/{}", made["id"]);
    assert_eq!(service.get(&path, ann.access()).await.expect(200), made);
    assert_eq!(service.balance(ann.access()).await, 49);
    // A key of that account is another matter.
    let key = service.post("/keys", ann.access(), &json!({ "name": "mine" })).await.expect(201);
    let key = key["key"].as_str().unwrap();
    for path in ["/balance", "/user/me", "/user/balance", &path] {
        let details = refused(&service.get(path, key).await, 403, "insufficient_plan");
        assert_eq!(details, json!({ "required_plan": "vip", "plan": "free" }));
    }
    assert_eq!(service.get("/keys", ann.access()).await.expect(200)["total"], 1);
    // The model's own plan counts for everybody.
    refused(&service.generate(ann.access(), "gpt-5.2-pro", "hello").await, 403, "insufficient_plan");
    service.assert_verifies().await;
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let good = json!({ "email": "ann@example.org", "password": PASSWORD, "name": "Ann" });
    for (name, value) in [
        ("email", json!("ann")),
        ("email", json!("a b@c")),
        ("email", json!(format!("{}@example.org", "x".repeat(250)))),
        ("email", json!(7)),
        ("password", json!("1234567")),
        ("password", json!("x".repeat(257))),
        ("password", json!(null)),
        ("name", json!(" ")),
        ("name", json!("a\nb")),
        ("name", json!("x".repeat(101))),
        ("plan", json!("elite")),
    ] {
        let mut body = good.clone();
        body[name] = value;
        wrong_fields(&service.post("/auth/register", "", &body).await, &[name]);
    }
    let mut long = good.clone();
    long["name"] = json!("x".repeat(16 * 1024));
    refused(&service.post("/auth/register", "", &long).await, 413, "payload_too_large");
    let wrong = json!({ "email": "", "password": "", "name": "" });
    wrong_fields(&service.post("/auth/register", "", &wrong).await, &["email", "password", "name"]);
    wrong_fields(
        &service.post("/auth/login", "", &json!({ "name": "x" })).await,
        &["name", "email", "password"],
    );
    assert_eq!(database.auditor().await.read("accounts", &["id"]).await.len(), 0);
}

#[tokio::test]
async fn over_tls_the_cookie_keeps_to_it() {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let setup = Setup { public_url: Some("https://box.example.org"), ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let body = json!({ "email": "ann@example.org", "password": PASSWORD, "name": "Ann" });
    let reply = service.post("/auth/register", "", &body).await;
    assert!(
        reply.header("set-cookie").unwrap().ends_with("; HttpOnly; SameSite=Strict; Secure"),
        "{reply:?}"
    );
}

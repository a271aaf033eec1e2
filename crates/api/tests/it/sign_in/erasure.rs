//! Erasing an account: nothing that a person was or asked is left in any table.

use super::{PASSWORD, Person, log_in, me, refresh, register};
use crate::refused;
use domain::time::DAY_MS;
use reqwest::Method;
use serde_json::json;
use testkit::{Reply, Service, TestDatabase, send};

testkit::on_each_database!(
    nothing_of_a_person_is_left,
    what_cannot_be_done_at_once_is_done_later,
    an_operator_erases_as_often_as_he_likes,
    starter_tokens_are_given_once,
    what_is_paid_after_erasure_goes_back,
    who_was_let_in_before_begins_nothing,
);

/// In every word that the person leaves.
const MARK: &str = "unmistakable";
const EMAIL: &str = "unmistakable@example.org";

async fn erase(service: &Service, key: &str) -> Reply {
    send(service.request(Method::DELETE, "/api/v2/user/me", key)).await
}

/// Each cell of each table that holds `mark`, as `table.column`.
async fn traces(database: &TestDatabase, mark: &str) -> Vec<String> {
    let auditor = database.auditor().await;
    let (tables, names) = if database.url.starts_with("sqlite") {
        let tables = "sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";
        (tables, ["m.name", "c.name"])
    } else {
        ("information_schema.columns WHERE table_schema = current_schema()", ["table_name", "column_name"])
    };
    let mut traces = Vec::new();
    let columns = auditor.read(tables, &names).await;
    assert!(columns.len() > 100, "{columns:?}");
    for column in columns {
        let cells = auditor.read(&column[0], &[&format!("\"{}\"", column[1])]).await.concat();
        if cells.iter().any(|cell| cell.to_lowercase().contains(mark)) {
            traces.push(column.join("."));
        }
    }
    traces
}

/// Somebody on vip who has left words everywhere.
async fn busy_person(service: &Service, method: &str) -> Person {
    let person = register(service, EMAIL).await;
    let access = person.access();
    let body = json!({ "name": "Unmistakable", "avatar_url": "https://example.org/unmistakable.png" });
    let request = service.request(Method::PATCH, "/api/v2/user/me", access);
    send(request.header("content-type", "application/json").body(body.to_string())).await.expect(200);
    let order = json!({
        "plan": "vip", "method": method, "receipt_email": EMAIL, "return_url": "https://unmistakable.example.org",
    });
    let order = service.post("/billing/subscription", access, &order).await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    // The plan of before is believed for a moment.
    service.clock.advance_ms(5_000);
    person
}

async fn nothing_of_a_person_is_left(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.account("vip", 0).await;
    service.generate(&other.key, "gpt-5-nano", "hello").await.expect(200);
    let ann = busy_person(&service, "yookassa").await;
    let access = ann.access();
    let key = service.post("/keys", access, &json!({ "name": "unmistakable key" })).await.expect(201);
    let key = key["key"].as_str().unwrap();
    service.generate(key, "gpt-5-nano", "an unmistakable question").await.expect(200);
    let named = json!({ "model": "gpt-5-nano", "prompt": "hello" });
    let named = service.request(Method::POST, "/api/v2/generate", access).body(named.to_string());
    let named = named.header("content-type", "application/json").header("idempotency-key", "unmistakable-1");
    send(named).await.expect(200);
    let picture = json!({ "model": "gpt-image-1.5", "prompt": "an unmistakable boat" });
    let picture = service.post("/generate", access, &picture).await.expect(200);
    let picture = picture["result_url"].as_str().unwrap().to_owned();
    assert_eq!(service.fetch(&picture).await.status, 200);
    let job = json!({ "model": "photon-flash", "prompt": "an unmistakable sea [[delay:600000]]" });
    service.post("/generate", access, &job).await.expect(202);
    let before = traces(&database, MARK).await;
    for place in
        ["accounts.email", "email_directory.email", "payments.receipt_email", "generation_contents.prompt"]
    {
        assert!(before.iter().any(|trace| trace == place), "{before:?}");
    }

    let reply = erase(&service, access).await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    assert_eq!(traces(&database, MARK).await, Vec::<String>::new());
    for key in [access, key] {
        refused(&me(&service, key).await, 401, "not_authenticated");
    }
    refused(&refresh(&service, &ann.cookie).await, 401, "not_authenticated");
    refused(&log_in(&service, EMAIL, PASSWORD).await, 401, "not_authenticated");
    refused(&service.fetch(&picture).await, 404, "not_found");
    let auditor = database.auditor().await;
    let pending = auditor.read("generations WHERE status = 'pending'", &["id"]).await;
    assert_eq!(pending.len(), 0);

    // The rest is the worker's: bytes of files, and the end of the looking.
    service.clock.advance_ms(60_000);
    assert_eq!(service.app.finish_erasures().await.unwrap(), 1);
    assert_eq!(service.app.finish_erasures().await.unwrap(), 0);
    assert!(service.app.recover().await.unwrap().removed_files > 0);
    let files = format!("files WHERE account_id = {}", ann.account.id);
    assert_eq!(auditor.read(&files, &["name"]).await.len(), 0);
    // Nothing is charged any more, the books are in order, and others have all that was theirs.
    let charged = auditor.read("payments", &["id"]).await.len();
    service.live_through(40 * DAY_MS, DAY_MS).await;
    assert_eq!(auditor.read("payments", &["id"]).await.len(), charged);
    service.assert_verifies().await;
    assert!(!traces(&database, "hello").await.is_empty());
    // The address is free again.
    assert_ne!(register(&service, EMAIL).await.account.id, ann.account.id);
}

async fn starter_tokens_are_given_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = register(&service, "Ann@example.org").await;
    assert_eq!(service.wallet(&ann.account).await.permanent_available, 50);
    service.generate(ann.access(), "gpt-5-nano", "hello").await.expect(200);
    assert_eq!(erase(&service, ann.access()).await.status, 204);
    let again = register(&service, "ann@EXAMPLE.org").await;
    assert_eq!(service.wallet(&again.account).await.permanent_available, 0);
    let bob = register(&service, "bob@example.org").await;
    assert_eq!(service.wallet(&bob.account).await.permanent_available, 50);
    // Who has had them is not written down.
    let grants = database.auditor().await.read("starter_grants", &["identity_hash"]).await;
    assert_eq!(grants.len(), 2);
    service.assert_verifies().await;
}

async fn what_is_paid_after_erasure_goes_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    for (number, method) in ["yookassa", "telegram_stars"].into_iter().enumerate() {
        for is_package in [true, false] {
            let ann = register(&service, &format!("ann-{number}-{is_package}@example.org")).await;
            let order = if is_package {
                service.order_package(&ann.account, "start", method).await.expect(201)
            } else {
                let order = json!({ "plan": "pro", "method": method });
                service.post("/billing/subscription", ann.access(), &order).await.expect(201)
            };
            assert_eq!(erase(&service, ann.access()).await.status, 204);
            service.confirm(&order, "succeed").await;
            service.live_through(2 * DAY_MS, DAY_MS / 24).await;
            let auditor = database.auditor().await;
            let own = format!("payments WHERE account_id = {}", ann.account.id);
            let payments = auditor.read(&own, &["status", "amount_minor", "refunded_minor"]).await;
            let [status, amount, refunded] = payments[0].as_slice() else { panic!("{payments:?}") };
            // Nothing was paid where the service has heard of the end in time.
            assert!(
                ["returned", "canceled"].contains(&status.as_str()),
                "{method} {is_package} {payments:?}"
            );
            if status == "returned" {
                assert_eq!(amount, refunded);
                let refunds = format!("refunds WHERE account_id = {}", ann.account.id);
                let refunds = auditor.read(&refunds, &["kind", "status"]).await;
                assert_eq!(
                    refunds,
                    [["unwanted".to_owned(), "succeeded".to_owned()]],
                    "{method} {is_package}"
                );
            }
            assert_eq!(service.wallet(&ann.account).await.permanent_available, 50);
        }
    }
    service.assert_verifies().await;
}

async fn what_cannot_be_done_at_once_is_done_later(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = busy_person(&service, "telegram_stars").await;
    service.generate(ann.access(), "gpt-5-nano", "an unmistakable question").await.expect(200);
    // It may still be paid, and the money would have to go back.
    service.order_package(&ann.account, "start", "yookassa").await.expect(201);
    service.break_vendor("telegram", "500", 3).await;
    assert_eq!(erase(&service, ann.access()).await.status, 204);
    let auditor = database.auditor().await;
    let live = async || auditor.read("subscriptions WHERE status <> 'ended'", &["payer_id"]).await.concat();
    assert_eq!(live().await.len(), 1);
    // What is no money's affair is gone already.
    let left = traces(&database, MARK).await;
    assert!(
        left.iter().all(|trace| trace.starts_with("payments.") || trace.starts_with("subscriptions.")),
        "{left:?}"
    );
    service.clock.advance_ms(60_000);
    service.app.finish_erasures().await.unwrap();
    assert_eq!(live().await.len(), 0);
    assert_eq!(traces(&database, MARK).await, ["payments.receipt_email"]);
    service.live_through(2 * DAY_MS, DAY_MS / 24).await;
    assert_eq!(traces(&database, MARK).await, Vec::<String>::new());
    assert_eq!(auditor.read("accounts WHERE erasure_due_at_ms IS NOT NULL", &["id"]).await.len(), 0);
    let payers = auditor.read("payments", &["payer_id"]).await.concat();
    assert!(payers.iter().all(String::is_empty), "{payers:?}");
    // Telegram was told: it renews nothing.
    service.live_through(40 * DAY_MS, DAY_MS).await;
    let paid = auditor.read("payments WHERE status = 'succeeded'", &["id"]).await;
    assert_eq!(paid.len(), 1);
    service.assert_verifies().await;
}

async fn an_operator_erases_as_often_as_he_likes(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = register(&service, EMAIL).await;
    for _ in 0..2 {
        service.app.erase_account(ann.account.id).await.unwrap();
        refused(&me(&service, ann.access()).await, 401, "not_authenticated");
    }
    assert!(service.app.erase_account(domain::id::AccountId(1 << 40)).await.is_err());
    service.clock.advance_ms(60_000);
    assert_eq!(service.app.finish_erasures().await.unwrap(), 1);
    service.app.erase_account(ann.account.id).await.unwrap();
    assert_eq!(traces(&database, MARK).await, Vec::<String>::new());
    // Its tokens stay as they were, and are nobody's.
    assert_eq!(service.wallet(&ann.account).await.permanent_available, 50);
    service.assert_verifies().await;
}

async fn who_was_let_in_before_begins_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let ann = busy_person(&service, "yookassa").await;
    let access = ann.access();
    // The other process believes the sign-in for a moment.
    other.generate(access, "gpt-5-nano", "an unmistakable question").await.expect(200);
    assert_eq!(erase(&service, access).await.status, 204);
    let calls = other.calls().await;
    let late = other.generate(access, "gpt-5-nano", "an unmistakable question").await;
    refused(&late, 401, "not_authenticated");
    let key = other.post("/keys", access, &json!({ "name": "unmistakable key" })).await;
    refused(&key, 401, "not_authenticated");
    assert_eq!(other.calls().await, calls);
    assert_eq!(traces(&database, MARK).await, Vec::<String>::new());
    service.assert_verifies().await;
}

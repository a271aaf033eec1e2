//! What does not get through is tried again, by one worker at a time, and not for ever.

use super::{Receiver, deliveries, generate, listen};
use crate::refused;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::{Account, Service, Setup, TestDatabase};

testkit::on_each_database!(
    word_is_sent_again_for_a_day,
    redirects_are_not_followed,
    a_server_that_is_silent_is_left,
    two_workers_send_each_once,
    what_a_dead_worker_held_is_sent,
    one_host_does_not_hold_up_others,
    one_account_does_not_hold_up_others,
    what_is_late_is_given_up,
    what_sent_nothing_does_not_count,
    what_cannot_be_made_known_holds_nothing_up,
    word_is_sent_again_on_request,
    what_is_old_is_forgotten,
);

const DAY_MS: i64 = 86_400_000;

async fn word_is_sent_again_for_a_day(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    receiver.answer(500);
    let webhook = listen(&service, &account, &receiver, &[]).await;
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    let minute = 60_000;
    let hour = 60 * minute;
    let delays =
        [5_000, 30_000, 2 * minute, 10 * minute, 30 * minute, hour, 2 * hour, 4 * hour, 8 * hour, 8 * hour];
    for (made, delay_ms) in (1..).zip(delays) {
        let pending = &deliveries(&service, &account, &webhook["id"]).await[0];
        assert_eq!((&pending["status"], &pending["attempts"]), (&json!("pending"), &json!(made)));
        assert_eq!((&pending["response_status"], pending["error"].is_string()), (&json!(500), true));
        // At most a fifth of the delay is left out.
        service.clock.advance_ms(delay_ms * 4 / 5 - 1);
        assert_eq!(service.deliver().await, 0, "after {made}");
        service.clock.advance_ms(delay_ms / 5 + 1);
        assert_eq!(service.deliver().await, 1, "after {made}");
    }
    let failed = &deliveries(&service, &account, &webhook["id"]).await[0];
    assert_eq!((&failed["status"], &failed["attempts"]), (&json!("failed"), &json!(11)));
    assert_eq!(failed["next_attempt_at"], Value::Null);
    service.clock.advance_ms(DAY_MS);
    assert_eq!(service.deliver().await, 0);
    let messages = receiver.messages().await;
    assert_eq!(messages.len(), 11);
    let told: BTreeSet<_> = messages.iter().map(|message| (message.id(), message.0.body.clone())).collect();
    assert_eq!(told.len(), 1, "every attempt says the same under the same id");
    let times: BTreeSet<_> = messages.iter().map(|message| message.header("webhook-timestamp")).collect();
    assert_eq!(times.len(), 11, "and is signed anew");
    assert!(messages.iter().all(|message| message.is_signed_by(&webhook["secret"])));
}

async fn redirects_are_not_followed(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    receiver.answer(307);
    let webhook = listen(&service, &account, &receiver, &[]).await;
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    assert_eq!(receiver.message().await.0.url.path(), "/hook");
    let pending = &deliveries(&service, &account, &webhook["id"]).await[0];
    assert_eq!((&pending["status"], &pending["response_status"]), (&json!("pending"), &json!(307)));
}

async fn a_server_that_is_silent_is_left(database: TestDatabase) {
    let service = Service::start_with(&database, Setup { webhook_timeout_ms: 200, ..Setup::default() }).await;
    let account = service.account("vip", 0).await;
    // It takes connections, and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", silent.local_addr().unwrap());
    let webhook = service.post("/webhooks", &account.key, &json!({ "url": url })).await.expect(201);
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    let pending = &deliveries(&service, &account, &webhook["id"]).await[0];
    assert_eq!((&pending["status"], &pending["response_status"]), (&json!("pending"), &Value::Null));
    assert_eq!(pending["error"], "the host took too long");
}

async fn two_workers_send_each_once(database: TestDatabase) {
    let setup = Setup { webhooks_at_once_per_host: 32, ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let other = service.another_with(&database, setup).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    listen(&service, &account, &receiver, &[]).await;
    receiver.answer(500);
    for _ in 0..10 {
        generate(&service, &account, "Hello.").await.expect(200);
    }
    for attempts in 1..=3 {
        let mut sent = 0;
        while sent < 10 {
            let (here, there) = tokio::join!(service.deliver(), other.deliver());
            sent += here + there;
        }
        assert_eq!((sent, receiver.messages().await.len()), (10, 10 * attempts));
        service.clock.advance_ms(120_000);
    }
}

async fn what_a_dead_worker_held_is_sent(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    // As it was when the worker had claimed it, and died.
    let now_ms = domain_now(&service);
    let sql = format!(
        "UPDATE webhook_deliveries SET status = 'pending', due_at_ms = {now_ms}, leased_until_ms = {}",
        now_ms + 60_000
    );
    database.execute(&sql).await.unwrap();
    assert_eq!(service.deliver().await, 0);
    service.clock.advance_ms(60_000);
    assert_eq!(service.deliver().await, 1);
    assert_eq!(deliveries(&service, &account, &webhook["id"]).await[0]["attempts"], 2);
}

fn domain_now(service: &Service) -> i64 {
    service.app.clock().now().unix_ms()
}

/// Has `count` further events of the first delivery's account on their way to `host`, due before all others.
async fn crowd(database: &TestDatabase, lane: i64, host: &str, count: i64) {
    let numbers = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"
    );
    let of_first = "FROM numbers CROSS JOIN (SELECT * FROM webhook_deliveries ORDER BY id LIMIT 1) AS one";
    let id = format!("1000000 + n * 1000 + {lane}");
    for sql in [
        format!(
            "INSERT INTO events {numbers} SELECT account_id, {id}, 'payment.failed', '{{}}', created_at_ms, 0 {of_first}"
        ),
        format!(
            "INSERT INTO webhook_deliveries {numbers}
            SELECT account_id, {id}, endpoint_id, {id}, url, '{host}', {lane}, 'pending', 0, 0, 1, give_up_at_ms, 0, 0,
                NULL, NULL, NULL, created_at_ms {of_first}"
        ),
    ] {
        database.execute(&sql).await.unwrap();
    }
}

async fn one_host_does_not_hold_up_others(database: TestDatabase) {
    let setup = Setup { webhooks_at_once_per_host: 1, ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let account = service.account("vip", 0).await;
    let (crowded, other) = (Receiver::start().await, Receiver::start().await);
    listen(&service, &account, &crowded, &[]).await;
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    // More than a round looks at, all older than what follows.
    crowd(&database, 5, "127.0.0.1", 1_500).await;
    let url = other.url().replace("127.0.0.1", "localhost");
    let own = json!({ "model": "gpt-5-nano", "prompt": "Hello.", "webhook_url": url });
    service.post("/generate", &account.key, &own).await.expect(200);
    // It waits for nobody but its own host.
    assert_eq!(service.deliver().await, 2);
    assert_eq!((crowded.messages().await.len(), other.messages().await.len()), (2, 1));
}

async fn one_account_does_not_hold_up_others(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (account, calm) = (service.account("vip", 0).await, service.account("vip", 0).await);
    // Nothing that it is sent is answered while this test lasts.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", silent.local_addr().unwrap());
    service.post("/webhooks", &account.key, &json!({ "url": url })).await.expect(201);
    generate(&service, &account, "Hello.").await.expect(200);
    let held = service.app.deliver_webhooks().await.unwrap();
    assert_eq!(held.count(), 1);
    for lane in 1..=100 {
        crowd(&database, lane, &format!("host-{lane}.example"), 1).await;
    }
    let receiver = Receiver::start().await;
    listen(&service, &calm, &receiver, &[]).await;
    let mut rounds = vec![service.app.deliver_webhooks().await.unwrap()];
    generate(&service, &calm, "Hello.").await.expect(200);
    rounds.push(service.app.deliver_webhooks().await.unwrap());
    // A quarter of the room for 32, one of which was taken before; and one for the other account.
    let begun: usize = rounds.iter().map(app::Round::count).sum();
    assert_eq!(begun, 8);
    wait_for(&receiver).await;
}

/// Waits for a message.
async fn wait_for(receiver: &Receiver) {
    let came = async {
        while receiver.messages().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), came).await.unwrap();
}

async fn what_is_late_is_given_up(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    receiver.answer(500);
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    service.clock.advance_ms(2 * DAY_MS);
    assert_eq!(service.deliver().await, 1);
    let late = deliveries(&service, &account, &webhook["id"]).await[0].clone();
    assert_eq!((&late["status"], &late["attempts"]), (&json!("failed"), &json!(1)));
    assert_eq!((receiver.messages().await.len(), &late["error"]), (1, &json!("its turn came too late")));
    // Once more means from the start.
    receiver.answer(204);
    redeliver(&service, &account, &webhook, &late["id"]).await.expect(202);
    service.clock.advance_ms(DAY_MS);
    assert_eq!(service.deliver().await, 1);
    assert_eq!(deliveries(&service, &account, &webhook["id"]).await[0]["status"], "succeeded");
}

async fn what_sent_nothing_does_not_count(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    generate(&service, &account, "Hello.").await.expect(200);
    database.execute("UPDATE events SET data = 'no JSON', type = 'payment.failed'").await.unwrap();
    for _ in 0..20 {
        assert_eq!(service.deliver().await, 1);
        service.clock.advance_ms(60_000);
    }
    let pending = &deliveries(&service, &account, &webhook["id"]).await[0];
    assert_eq!((&pending["status"], &pending["attempts"]), (&json!("pending"), &json!(0)));
    database.execute("UPDATE events SET data = '{}'").await.unwrap();
    assert_eq!(service.deliver().await, 1);
    assert_eq!(deliveries(&service, &account, &webhook["id"]).await[0]["attempts"], 1);
    assert_eq!(receiver.messages().await.len(), 1);
}

async fn what_cannot_be_made_known_holds_nothing_up(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    receiver.answer(500);
    listen(&service, &account, &receiver, &[]).await;
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    service.clock.advance_ms(5_000);
    // Making deliveries fails as long as this is so.
    database.execute("ALTER TABLE generations RENAME COLUMN webhook_url TO elsewhere").await.unwrap();
    assert_eq!(service.app.deliver_webhooks().await.unwrap().count(), 1);
    database.execute("ALTER TABLE generations RENAME COLUMN elsewhere TO webhook_url").await.unwrap();
}

async fn redeliver(service: &Service, account: &Account, webhook: &Value, id: &Value) -> testkit::Reply {
    let path = format!("/webhooks/{}/deliveries/{id}/redeliver", webhook["id"]);
    service.post(&path, &account.key, &json!({})).await
}

async fn word_is_sent_again_on_request(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    let id = deliveries(&service, &account, &webhook["id"]).await[0]["id"].clone();
    let again = redeliver(&service, &account, &webhook, &id).await.expect(202);
    assert_eq!((&again["id"], &again["status"], &again["attempts"]), (&id, &json!("pending"), &json!(0)));
    assert_eq!(again["type"], "generation.completed");
    assert_eq!(service.deliver().await, 1);
    let messages = receiver.messages().await;
    assert_eq!((messages.len(), messages[0].id()), (2, messages[1].id()));
    assert_eq!(deliveries(&service, &account, &webhook["id"]).await[0]["status"], "succeeded");

    let other = service.account("vip", 0).await;
    refused(&redeliver(&service, &other, &webhook, &id).await, 404, "not_found");
    refused(&redeliver(&service, &account, &webhook, &json!(1)).await, 404, "not_found");
    refused(&redeliver(&service, &account, &json!({ "id": 1 }), &id).await, 404, "not_found");
}

async fn what_is_old_is_forgotten(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    generate(&service, &account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    // The delivery first, and the event when no cycle of its time can run any more.
    for (passed_ms, forgotten) in [(30 * DAY_MS, 0), (1, 1), (10 * DAY_MS - 1, 0), (1, 1)] {
        service.clock.advance_ms(passed_ms);
        assert_eq!(service.app.forget_events().await.unwrap(), forgotten, "{passed_ms}");
    }
    let rows = database.auditor().await.read("webhook_deliveries", &["endpoint_id"]).await;
    assert_eq!((rows.len(), webhook["id"].is_i64()), (0, true));
}

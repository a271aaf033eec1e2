//! Orders under a name: one payment is asked for, and one answer given.

use super::{assert_replays, hello, is_replay, named};
use crate::{refused, wrong_fields};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Service, TestDatabase};

testkit::on_each_database!(
    an_order_is_placed_once,
    of_many_orders_at_once_one_is_placed,
    an_order_that_fails_is_repeated_as_a_failure,
    what_asks_for_no_payment_is_repeated_as_well,
    a_repeat_takes_up_what_a_dead_process_left,
);

const PACKAGE: &str = "/billing/packages/start";
const SUBSCRIPTION: &str = "/billing/subscription";

fn by(method: &str) -> Value {
    json!({ "method": method })
}

fn vip() -> Value {
    json!({ "plan": "vip", "method": "yookassa" })
}

async fn an_order_is_placed_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("free", 0).await;
    for (name, path, body) in
        [("a", PACKAGE, by("yookassa")), ("b", PACKAGE, by("telegram_stars")), ("c", SUBSCRIPTION, vip())]
    {
        let first = named(&service, path, &account.key, name, &body).await;
        let order = first.expect(201);
        assert_replays(&first, &named(&other, path, &account.key, name, &body).await);
        // What is paid by now was not when it was answered.
        service.confirm(&order, "succeed").await.expect(200);
        assert_replays(&first, &named(&service, path, &account.key, name, &body).await);
    }
    for (name, path, body) in [
        ("a", PACKAGE, by("telegram_stars")),
        ("a", "/billing/packages/light", by("yookassa")),
        ("a", SUBSCRIPTION, vip()),
        ("c", SUBSCRIPTION, json!({ "plan": "elite", "method": "yookassa" })),
        ("c", SUBSCRIPTION, json!({ "plan": "vip", "method": "yookassa", "receipt_email": "a@b.org" })),
    ] {
        refused(&named(&service, path, &account.key, name, &body).await, 409, "idempotency_conflict");
    }
    assert_eq!(service.payments(&account).await.len(), 3);
    // Generations and orders share their names.
    let account = service.account("vip", 0).await;
    named(&service, PACKAGE, &account.key, "c", &by("yookassa")).await.expect(201);
    refused(&named(&service, "/generate", &account.key, "c", &hello()).await, 409, "idempotency_conflict");
    named(&service, "/generate", &account.key, "d", &hello()).await.expect(200);
    let reply = named(&service, PACKAGE, &account.key, "d", &by("yookassa")).await;
    refused(&reply, 409, "idempotency_conflict");
    assert_eq!(service.payments(&account).await.len(), 1);
    service.assert_verifies().await;
}

async fn of_many_orders_at_once_one_is_placed(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    for (path, body) in [(PACKAGE, by("yookassa")), (SUBSCRIPTION, vip())] {
        let account = service.account("free", 0).await;
        let replies = (0..12).map(|number| {
            let (service, key, body) = ([&service, &other][number % 2], &account.key, &body);
            async move { named(service, path, key, "a", body).await }
        });
        let replies = join_all(replies).await;
        assert_eq!(replies.iter().filter(|reply| !is_replay(reply)).count(), 1);
        for reply in &replies {
            assert_eq!((reply.status, reply.json()), (201, replies[0].json()));
        }
        let payments = service.payments(&account).await;
        assert_eq!((payments.len(), &payments[0]["id"]), (1, &replies[0].json()["payment_id"]));
    }
}

async fn an_order_that_fails_is_repeated_as_a_failure(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    // What is wrong with an order is found before anything is written.
    for _ in 0..2 {
        let wrong = json!({ "method": "yookassa", "return_url": "nowhere" });
        wrong_fields(&named(&service, PACKAGE, &account.key, "a", &wrong).await, &["return_url"]);
    }
    service.break_vendor("yookassa", "401", 1).await;
    let first = named(&service, PACKAGE, &account.key, "a", &by("yookassa")).await;
    let details = refused(&first, 500, "provider_error");
    assert_replays(&first, &named(&service, PACKAGE, &account.key, "a", &by("yookassa")).await);
    let payments = service.payments(&account).await;
    assert_eq!((payments.len(), &payments[0]["id"]), (1, &details["payment_id"]));
    // Whoever wants another try says so by another name.
    named(&service, PACKAGE, &account.key, "b", &by("yookassa")).await.expect(201);
}

async fn what_asks_for_no_payment_is_repeated_as_well(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "vip", "yookassa").await;
    let lower = json!({ "plan": "basic", "method": "yookassa" });
    let first = named(&service, SUBSCRIPTION, &account.key, "a", &lower).await;
    let later = first.expect(200);
    assert_eq!((&later["payment_id"], &later["subscription"]["next_plan"]), (&Value::Null, &json!("basic")));
    service.post("/billing/subscription/resume", &account.key, &json!({})).await.expect(200);
    assert_replays(&first, &named(&service, SUBSCRIPTION, &account.key, "a", &lower).await);
    assert_eq!(service.subscription(&account).await.expect(200)["next_plan"], Value::Null);
    // An order that is open already is the answer to a second one, under whatever name.
    let elite = json!({ "plan": "elite", "method": "yookassa" });
    let open = named(&service, SUBSCRIPTION, &account.key, "b", &elite).await;
    let second = named(&service, SUBSCRIPTION, &account.key, "c", &elite).await;
    assert_eq!((open.expect(201), is_replay(&second)), (second.expect(201), false));
    service.confirm(&open.json(), "succeed").await.expect(200);
    for name in ["b", "c"] {
        let again = named(&service, SUBSCRIPTION, &account.key, name, &elite).await;
        assert_eq!((again.status, again.json(), is_replay(&again)), (201, open.json(), true));
    }
}

async fn a_repeat_takes_up_what_a_dead_process_left(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let first = named(&service, PACKAGE, &account.key, "a", &by("yookassa")).await;
    let order = first.expect(201);
    // As if the process had died before it could keep its answer.
    let lost = "UPDATE idempotency_keys SET answer_status = NULL, answer_body = NULL";
    database.execute(lost).await.unwrap();
    let again = named(&service, PACKAGE, &account.key, "a", &by("yookassa")).await;
    assert_eq!((again.status, again.json(), is_replay(&again)), (201, order, true));
    assert_eq!(service.payments(&account).await.len(), 1);
}

//! Books that do not agree: after a restore from a backup, after words that were never heard, after refunds that others made.

use super::{books, plan, tokens};
use app::{Finding, FindingKind, Outcome, Reconciliation};
use domain::{
    id::{AccountId, PaymentId},
    time::DAY_MS,
};
use sandbox::NotificationTargets;
use serde_json::{Value, json};
use testkit::{Account, Backend, Service, TestDatabase, send};

testkit::on_each_database!(
    what_a_restore_has_lost_is_taken_in,
    stars_that_a_restore_has_lost_are_taken_in,
    what_does_not_fit_is_left_for_a_person,
    whose_it_is_must_be_certain,
    what_was_never_heard_of_is_taken_over,
    an_order_that_was_given_up_and_paid_is_taken_over,
    an_upgrade_that_was_given_up_and_paid_goes_back,
    a_refund_on_the_pages_of_the_service_takes_the_tokens,
    stars_that_went_back_take_the_tokens,
    what_only_we_have_is_told,
    a_second_payment_of_an_order_is_told,
    applying_beside_workers_grants_once,
    the_daily_work_is_one_workers,
    a_service_that_does_not_answer_is_told_and_tried_again,
);

/// Compares everything there ever was.
async fn reconcile(service: &Service, apply: bool) -> Reconciliation {
    let now = service.app.clock().now();
    let done = service.app.reconcile(now.plus_ms(-400 * DAY_MS), now.plus_ms(1), apply).await.unwrap();
    assert!(done.is_read(), "{done:?}");
    done
}

fn kinds(done: &Reconciliation) -> Vec<(FindingKind, bool)> {
    done.findings.iter().map(|found| (found.kind, found.outcome == Outcome::Done)).collect()
}

fn one(done: &Reconciliation) -> &Finding {
    assert_eq!(done.findings.len(), 1, "{done:?}");
    &done.findings[0]
}

/// Has nobody hear of what happens at the services.
fn cut_off(service: &Service) {
    service.sandbox.set_notifications(NotificationTargets::default());
}

/// A service with the same vendors and clock, and with the books of a backup: there is the same account, and nothing else.
async fn restored(service: &Service, database: &TestDatabase, account: &Account) -> (Service, Account) {
    let restored = service.another(database).await;
    let same = restored.account("free", 0).await;
    assert_eq!(same.id, account.id);
    (restored, same)
}

async fn what_a_restore_has_lost_is_taken_in(database: TestDatabase) {
    let before = testkit::database(Backend::Sqlite).await.unwrap();
    let service = Service::start(&before).await;
    let account = service.account("free", 0).await;
    let (restored, same) = restored(&service, &database, &account).await;
    let order = service.order_package(&account, "light", "yookassa").await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    service.clock.advance_ms(DAY_MS);
    service.subscribe(&account, "basic", "yookassa").await;
    service.live_through(10 * DAY_MS, DAY_MS).await;
    service.subscribe(&account, "vip", "yookassa").await;
    service.live_through(32 * DAY_MS, DAY_MS).await;
    assert_eq!(tokens(&service, &account).await, (1_500, 150));

    let planned = reconcile(&restored, false).await;
    assert_eq!(kinds(&planned), [(FindingKind::Lost, false); 4], "{planned:#?}");
    assert!(!planned.is_settled());
    assert_eq!(restored.payments(&same).await, Vec::<Value>::new());
    let done = reconcile(&restored, true).await;
    assert_eq!(kinds(&done), [(FindingKind::Lost, true); 4], "{done:#?}");
    assert!(done.is_settled());
    assert_eq!(tokens(&restored, &same).await, (1_500, 150));
    assert_eq!(plan(&restored, &same).await, plan(&service, &account).await);
    let (ours, theirs) = (restored.payments(&same).await, service.payments(&account).await);
    let told = |payments: &[Value]| -> Vec<Value> {
        let fields = ["kind", "item", "amount", "status", "tokens"];
        payments.iter().map(|payment| json!(fields.map(|field| payment[field].clone()))).collect()
    };
    assert_eq!(told(&ours), told(&theirs));
    // The subscription goes on where it was, by the method that was saved.
    let subscription = restored.subscription(&same).await.expect(200);
    assert_eq!(subscription["status"], "active", "{subscription:#}");
    assert_eq!(kinds(&reconcile(&restored, true).await), []);
    restored.live_through(31 * DAY_MS, DAY_MS).await;
    assert_eq!(restored.payments(&same).await.len(), 5);
    restored.assert_verifies().await;
}

async fn stars_that_a_restore_has_lost_are_taken_in(database: TestDatabase) {
    let before = testkit::database(Backend::Sqlite).await.unwrap();
    let service = Service::start(&before).await;
    let account = service.account("free", 0).await;
    let (restored, same) = restored(&service, &database, &account).await;
    service.subscribe(&account, "vip", "telegram_stars").await;
    let order = service.order_package(&account, "start", "telegram_stars").await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    service.live_through(61 * DAY_MS, DAY_MS).await;

    let planned = reconcile(&restored, false).await;
    assert_eq!(kinds(&planned), [(FindingKind::Lost, false); 4], "{planned:#?}");
    let done = reconcile(&restored, true).await;
    let (lost, further) = ((FindingKind::Lost, true), (FindingKind::Further, true));
    assert_eq!(kinds(&done), [lost, lost, further, further], "{done:#?}");
    assert_eq!(tokens(&restored, &same).await, (1_500, 100));
    assert_eq!(plan(&restored, &same).await, plan(&service, &account).await);
    assert_eq!(kinds(&reconcile(&restored, true).await), []);
    restored.assert_verifies().await;
}

/// A payment that is made at the shop past us, under such a reference.
async fn pay_shop(service: &Service, reference: &str, roubles: &str) {
    let body = json!({
        "amount": { "value": roubles, "currency": "RUB" },
        "capture": true,
        "confirmation": { "type": "redirect", "return_url": "https://shop.example" },
        "metadata": { "reference": reference },
    });
    let made = ask_shop(service, "/payments", reference, &body).await;
    let page = made["confirmation"]["confirmation_url"].as_str().unwrap();
    send(testkit::http_client().post(format!("{page}/succeed"))).await.expect(200);
}

async fn ask_shop(service: &Service, path: &str, key: &str, body: &Value) -> Value {
    let url = service.sandbox.base_url("yookassa").unwrap();
    let request = testkit::http_client().post(format!("{url}{path}")).basic_auth("100500", Some("test_key"));
    let request = request.header("Idempotence-Key", key).header("content-type", "application/json");
    send(request.body(body.to_string())).await.expect(200)
}

async fn what_does_not_fit_is_left_for_a_person(database: TestDatabase) {
    let service = Service::start(&database).await;
    for (has_plan, what, roubles, why) in [
        (false, "p0.gone", "249.00", "there is no package gone"),
        (false, "p0.start", "1.00", "it costs 249.00 RUB"),
        (false, "s0.free", "1.00", "there is no plan free"),
        (false, "s0.pro", "1.00", "it costs 1690.00 RUB"),
        (false, "r1.pro", "1690.00", "the account has no subscription"),
        (true, "s0.basic", "890.00", "the account has subscription"),
        (true, "s0.elite", "4990.01", "the account has subscription"),
        (true, "r1.pro", "1690.00", "cycle 1 is not the next one"),
    ] {
        let account = service.account("free", 0).await;
        if has_plan {
            service.subscribe(&account, "pro", "yookassa").await;
        }
        let before = (tokens(&service, &account).await, service.payments(&account).await);
        pay_shop(&service, &lost(&account, what), roubles).await;
        let done = reconcile(&service, true).await;
        let found: Vec<_> =
            done.findings.iter().filter(|found| found.account_id == Some(account.id)).collect();
        assert_eq!(found.len(), 1, "{what}: {done:#?}");
        assert_eq!((found[0].kind, &found[0].outcome), (FindingKind::NotAdoptable, &Outcome::Open), "{what}");
        assert!(found[0].text.contains(why), "{what}: {}", found[0].text);
        assert_eq!((tokens(&service, &account).await, service.payments(&account).await), before, "{what}");
    }
    service.assert_verifies().await;
}

/// What an order is known by that our books have lost.
fn lost(account: &Account, what: &str) -> String {
    format!("{}.{what}.0123456789abcdef01234567", account.id)
}

async fn whose_it_is_must_be_certain(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    pay_shop(&service, "somebody-elses", "249.00").await;
    assert_eq!(kinds(&reconcile(&service, true).await), [], "a shop may sell more");
    let nobody = Account { id: AccountId(999_999), ..account.clone() };
    pay_shop(&service, &lost(&nobody, "p0.start"), "249.00").await;
    let done = reconcile(&service, true).await;
    assert!(one(&done).text.contains("there is no account 999999"), "{done:#?}");
    // Ids come again after a restore: an account that is younger than the payment is another's.
    let next = Account { id: AccountId(service.account("free", 0).await.id.0 + 3), ..account.clone() };
    pay_shop(&service, &lost(&next, "p0.start"), "249.00").await;
    service.clock.advance_ms(DAY_MS);
    let next = loop {
        let made = service.account("free", 0).await;
        assert!(made.id <= next.id, "{} is skipped", next.id);
        if made.id == next.id {
            break made;
        }
    };
    let done = reconcile(&service, true).await;
    let found = done.findings.iter().find(|found| found.account_id == Some(next.id)).unwrap();
    assert!(found.text.contains("is younger than the payment"), "{found:?}");
    // What comes after something that waits for a person waits too.
    pay_shop(&service, &lost(&account, "s0.pro"), "1.00").await;
    service.clock.advance_ms(1_000);
    pay_shop(&service, &lost(&account, "s0.basic"), "890.00").await;
    let done = reconcile(&service, true).await;
    let found: Vec<_> = done.findings.iter().filter(|found| found.account_id == Some(account.id)).collect();
    assert!(found[1].text.contains("an earlier payment of this account waits"), "{found:#?}");
    for account in [&account, &next] {
        assert_eq!(tokens(&service, account).await, (0, 50));
    }
}

async fn what_was_never_heard_of_is_taken_over(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "light", "yookassa").await.expect(201);
    cut_off(&service);
    let page = order["confirmation_url"].as_str().unwrap();
    send(testkit::http_client().post(format!("{page}/succeed"))).await.expect(200);
    assert_eq!(kinds(&reconcile(&service, false).await), [(FindingKind::Ended, false)]);
    assert_eq!(tokens(&service, &account).await, (0, 50));
    assert_eq!(kinds(&reconcile(&service, true).await), [(FindingKind::Ended, true)]);
    assert_eq!(tokens(&service, &account).await, (0, 150));
    assert_eq!(kinds(&reconcile(&service, true).await), []);
    service.assert_verifies().await;
}

async fn an_order_that_was_given_up_and_paid_is_taken_over(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let first = service.order_plan(&account, "basic", "yookassa").await.expect(201);
    let second = service.order_plan(&account, "pro", "yookassa").await.expect(201);
    cut_off(&service);
    for order in [&first, &second] {
        let page = order["confirmation_url"].as_str().unwrap();
        send(testkit::http_client().post(format!("{page}/succeed"))).await.expect(200);
        service.clock.advance_ms(1_000);
    }
    let done = reconcile(&service, true).await;
    assert_eq!(kinds(&done), [(FindingKind::Ended, true); 2], "{done:#?}");
    service.hear_and_bill().await;
    // The first is what came first; the second does not fit any more, and goes back.
    let paid = service.payments(&account).await;
    let told: Vec<_> = paid.iter().map(|payment| (&payment["item"], &payment["status"])).collect();
    assert_eq!(told, [(&json!("pro"), &json!("refunded")), (&json!("basic"), &json!("succeeded"))]);
    assert_eq!(tokens(&service, &account).await, (300, 50));
    assert_eq!(kinds(&reconcile(&service, true).await), []);
    service.assert_verifies().await;
}

async fn an_upgrade_that_was_given_up_and_paid_goes_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "basic", "yookassa").await;
    service.live_through(10 * DAY_MS, DAY_MS).await;
    let given_up = service.order_plan(&account, "pro", "yookassa").await.expect(201);
    let order = service.order_plan(&account, "vip", "yookassa").await.expect(201);
    service.confirm(&order, "cancel").await.expect(200);
    // The tokens that were to pay a part of it are there to be spent.
    assert_eq!(tokens(&service, &account).await, (300, 50));
    cut_off(&service);
    let page = given_up["confirmation_url"].as_str().unwrap();
    send(testkit::http_client().post(format!("{page}/succeed"))).await.expect(200);
    assert_eq!(kinds(&reconcile(&service, true).await), [(FindingKind::Ended, true)]);
    service.hear_and_bill().await;
    let paid = service.payments(&account).await;
    let found = paid.iter().find(|payment| payment["id"] == given_up["payment_id"]).unwrap();
    assert_eq!((&found["status"], &found["refunded"]), (&json!("refunded"), &found["amount"]), "{paid:#?}");
    assert_eq!(plan(&service, &account).await.0, "basic");
    assert_eq!(tokens(&service, &account).await, (300, 50));
    assert_eq!(kinds(&reconcile(&service, true).await), []);
    service.assert_verifies().await;
}

async fn a_refund_on_the_pages_of_the_service_takes_the_tokens(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "light", "yookassa").await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    cut_off(&service);
    let books = service.books().await;
    let body = json!({
        "payment_id": books["payments"][0]["id"],
        "amount": { "value": "449.00", "currency": "RUB" },
    });
    ask_shop(&service, "/refunds", "by-hand", &body).await;
    assert_eq!(kinds(&reconcile(&service, false).await), [(FindingKind::Refunded, false)]);
    assert_eq!(tokens(&service, &account).await, (0, 150));
    assert_eq!(kinds(&reconcile(&service, true).await), [(FindingKind::Refunded, true)]);
    assert_eq!(tokens(&service, &account).await, (0, 50));
    assert_eq!(kinds(&reconcile(&service, true).await), []);
    service.assert_verifies().await;
}

async fn stars_that_went_back_take_the_tokens(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "start", "telegram_stars").await.expect(201);
    let paid = service.confirm(&order, "succeed").await.expect(200);
    cut_off(&service);
    let url = service.sandbox.base_url("telegram").unwrap();
    let body = json!({
        "user_id": paid["user_id"],
        "telegram_payment_charge_id": paid["telegram_payment_charge_id"],
    });
    let request = testkit::http_client().post(format!("{url}/bot1:token/refundStarPayment"));
    send(request.header("content-type", "application/json").body(body.to_string())).await.expect(200);
    assert_eq!(kinds(&reconcile(&service, true).await), [(FindingKind::Refunded, true)]);
    assert_eq!(tokens(&service, &account).await, (0, 50));
    assert_eq!(kinds(&reconcile(&service, true).await), []);
    service.assert_verifies().await;
}

async fn what_only_we_have_is_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "light", "yookassa").await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    service.subscribe(&account, "basic", "telegram_stars").await;
    let id = PaymentId(order["payment_id"].as_i64().unwrap());
    let sql = |amount| format!("UPDATE payments SET amount_minor = {amount} WHERE id = {id}");
    database.execute(&sql(44_901)).await.unwrap();
    let done = reconcile(&service, true).await;
    assert_eq!(kinds(&done), [(FindingKind::OtherAmount, false)], "{done:#?}");
    database.execute(&sql(44_900)).await.unwrap();
    service.app.refund_payment(id, "asked for").await.unwrap();
    service.hear_and_bill().await;
    assert_eq!(kinds(&reconcile(&service, true).await), []);
    // The same books beside those of services that know nothing of it.
    let elsewhere = Service::start(&database).await;
    let done = reconcile(&elsewhere, true).await;
    let (not_paid, not_refunded) = ((FindingKind::NotPaid, false), (FindingKind::NotRefunded, false));
    assert_eq!(kinds(&done), [not_paid, not_refunded, not_paid], "{done:#?}");
    assert_eq!(done.findings[0].payment_id, Some(id));
    assert_eq!(tokens(&service, &account).await, (300, 50));
}

async fn a_second_payment_of_an_order_is_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let mut accounts = Vec::new();
    for (what, permanent) in [("succeed", 150), ("cancel", 50)] {
        let account = service.account("free", 0).await;
        let order = service.order_package(&account, "light", "yookassa").await.expect(201);
        service.confirm(&order, what).await.expect(200);
        accounts.push((account, (0, permanent)));
    }
    // The service has forgotten the first ones' keys, and is asked again.
    service.clock.advance_ms(2 * DAY_MS);
    for (account, expected) in &accounts {
        let reference = books::payments(&service, account).await[0]["reference"].clone();
        pay_shop(&service, reference.as_str().unwrap(), "449.00").await;
        service.hear_and_bill().await;
        assert_eq!(tokens(&service, account).await, *expected);
    }
    let done = reconcile(&service, true).await;
    assert_eq!(kinds(&done), [(FindingKind::PaidTwice, false), (FindingKind::PaidTwice, false)], "{done:#?}");
    for (account, expected) in &accounts {
        assert_eq!(tokens(&service, account).await, *expected);
    }
}

async fn applying_beside_workers_grants_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    cut_off(&service);
    for round in 1..=5 {
        let account = service.account("free", 0).await;
        let order = service.order_package(&account, "light", "yookassa").await.expect(201);
        let plan_order = service.order_plan(&account, "basic", "yookassa").await.expect(201);
        for order in [&order, &plan_order] {
            let page = order["confirmation_url"].as_str().unwrap();
            send(testkit::http_client().post(format!("{page}/succeed"))).await.expect(200);
        }
        // Late enough for workers to ask after them too.
        service.clock.advance_ms(5 * 60_000);
        let (one, two, three) = tokio::join!(reconcile(&service, true), reconcile(&other, true), async {
            other.app.bill().await.unwrap()
        },);
        service.clock.advance_ms(5 * 60_000);
        service.hear_and_bill().await;
        assert_eq!(tokens(&service, &account).await, (300, 150), "{round}: {one:?} {two:?} {three:?}");
    }
    assert_eq!(kinds(&reconcile(&service, true).await), []);
    service.assert_verifies().await;
}

async fn the_daily_work_is_one_workers(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("free", 0).await;
    for day in 1..=3 {
        let order = service.order_package(&account, "light", "yookassa").await.expect(201);
        cut_off(&service);
        let page = order["confirmation_url"].as_str().unwrap();
        send(testkit::http_client().post(format!("{page}/succeed"))).await.expect(200);
        service.clock.advance_ms(1_000);
        let (one, two) = tokio::join!(service.app.reconcile_daily(), other.app.reconcile_daily());
        let done: Vec<_> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
        assert_eq!(done.len(), 1, "day {day}");
        assert_eq!(kinds(&done[0]), [(FindingKind::Ended, true)], "day {day}");
        service.clock.advance_ms(DAY_MS / 2);
        assert!(service.app.reconcile_daily().await.unwrap().is_none(), "day {day}");
        service.clock.advance_ms(DAY_MS / 2 - 1_000);
    }
    assert_eq!(tokens(&service, &account).await, (0, 350));
}

async fn a_service_that_does_not_answer_is_told_and_tried_again(database: TestDatabase) {
    let service = Service::start(&database).await;
    service.break_vendor("yookassa", "401", 1).await;
    let done = service.app.reconcile_daily().await.unwrap().unwrap();
    let read: Vec<bool> = done.books.iter().map(|books| books.records.is_some()).collect();
    assert_eq!(read, [false, true]);
    assert!(!done.is_settled());
    assert!(service.app.reconcile_daily().await.unwrap().is_none());
    service.clock.advance_ms(60 * 60_000);
    assert!(service.app.reconcile_daily().await.unwrap().unwrap().is_settled());
    service.clock.advance_ms(60 * 60_000);
    assert!(service.app.reconcile_daily().await.unwrap().is_none());
}

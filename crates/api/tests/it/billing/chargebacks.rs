//! Money that a service takes back without us: what it bought is taken, and what was spent of that is owed.

use super::{
    books,
    notifications::{call_bot, tell},
    package, plan, spend, subscriber, tokens,
};
use domain::time::DAY_MS;
use serde_json::{Value, json};
use testkit::{Account, Service, TestDatabase, WEBHOOK_SECRET, http_client, send};

testkit::on_each_database!(
    a_chargeback_takes_the_tokens_and_the_rest_is_owed,
    a_chargeback_ends_the_subscription,
    tokens_that_paid_for_a_higher_plan_are_owed,
    what_is_held_when_a_cycle_is_charged_back_is_not_owed,
    renewals_are_stopped_however_long_that_takes,
    a_debt_is_recovered_from_what_comes_next,
);

/// Somebody gives a payment back on the service's own pages, or a bank does: the last one that went well, so much of it.
pub(super) async fn charge_back(service: &Service, account: &Account, amount: &str) {
    let paid = books::payments(service, account).await.pop().unwrap();
    if paid["service"] == "telegram" {
        let charge = json!({ "user_id": paid["user_id"], "telegram_payment_charge_id": paid["id"] });
        call_bot(service, "refundStarPayment", &charge).await;
    } else {
        give_back(service, &paid["id"], amount).await;
    }
    service.hear_and_bill().await;
}

/// Gives one payment back at YooKassa, by hand.
pub(super) async fn give_back(service: &Service, payment_id: &Value, amount: &str) {
    let body = json!({ "payment_id": payment_id, "amount": { "value": amount, "currency": "RUB" } });
    let url = format!("{}/refunds", service.sandbox.base_url("yookassa").unwrap());
    let request = http_client().post(url).basic_auth("100500", Some("by hand"));
    let request = request.header("idempotence-key", format!("back-{}", payment_id.as_str().unwrap()));
    send(request.header("content-type", "application/json").body(body.to_string())).await.expect(200);
}

/// Has the service tell of all its refunds once more, and compares the books besides.
async fn tell_again(service: &Service) {
    let books = service.books().await;
    for refund in books["refunds"].as_array().unwrap() {
        let reply = if refund["service"] == "telegram" {
            let payment = json!({ "currency": "XTR", "total_amount": refund["amount_minor"],
                "invoice_payload": refund["reference"], "telegram_payment_charge_id": refund["payment_id"] });
            let update = json!({ "update_id": 9, "message": { "refunded_payment": payment } });
            tell(service, "telegram", Some(WEBHOOK_SECRET), update.to_string()).await
        } else {
            let object = json!({ "id": refund["id"], "payment_id": refund["payment_id"] });
            let message = json!({ "type": "notification", "event": "refund.succeeded", "object": object });
            tell(service, "yookassa", None, message.to_string()).await
        };
        reply.expect(200);
    }
    service.app.reconcile_daily().await.unwrap();
    service.hear_and_bill().await;
}

async fn a_chargeback_takes_the_tokens_and_the_rest_is_owed(database: TestDatabase) {
    let service = Service::start(&database).await;
    let spender = service.spender().await;
    let mut accounts = Vec::new();
    // Of 100 tokens for 449 roubles or 375 Stars, after Starter's 50.
    for (method, amount, spent, held, left, owed) in [
        ("yookassa", "449.00", 0, 0, 50, 0),
        ("yookassa", "449.00", 110, 0, 0, 60),
        ("yookassa", "449.00", 50, 60, 0, 60),
        ("yookassa", "224.50", 0, 0, 100, 0),
        ("yookassa", "224.50", 110, 0, 0, 10),
        ("yookassa", "1.00", 0, 0, 150, 0),
        ("yookassa", "4.49", 150, 0, 0, 1),
        ("telegram_stars", "375", 0, 0, 50, 0),
        ("telegram_stars", "375", 149, 0, 0, 99),
        ("telegram_stars", "375", 50, 100, 0, 100),
    ] {
        let account = service.account("free", 0).await;
        package(&service, &account, "light", method).await;
        if spent > 0 {
            spend(&service, &account, spent).await;
        }
        if held > 0 {
            spender.hold(&account, held).await.unwrap();
        }
        charge_back(&service, &account, amount).await;
        accounts.push((account, (left, owed)));
    }
    for round in ["once", "again"] {
        for (account, expected) in &accounts {
            let wallet = service.wallet(account).await;
            assert_eq!((wallet.permanent_available, wallet.owed_tokens), *expected, "{round}");
        }
        tell_again(&service).await;
    }
    service.assert_verifies().await;
}

async fn a_chargeback_ends_the_subscription(database: TestDatabase) {
    let service = Service::start(&database).await;
    for (method, amount) in [("yookassa", "890.00"), ("telegram_stars", "742")] {
        let account = service.account("free", 0).await;
        service.subscribe(&account, "basic", method).await;
        spend(&service, &account, 100).await;
        charge_back(&service, &account, amount).await;
        tell_again(&service).await;
        let wallet = service.wallet(&account).await;
        assert_eq!((wallet.plan_available, wallet.permanent_available, wallet.owed_tokens), (0, 50, 100));
        assert_eq!(plan(&service, &account).await, ("free".to_owned(), Value::Null));
        service.live_through(33 * DAY_MS, 11 * DAY_MS).await;
        assert_eq!(books::paid_times(&service, &account).await, 1, "{method} is charged no more");
    }
    service.assert_verifies().await;
}

/// They were worth money, which has gone back now: whoever traded them in owes them.
async fn tokens_that_paid_for_a_higher_plan_are_owed(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    spend(&service, &account, 100).await;
    service.subscribe(&account, "vip", "yookassa").await;
    let first = books::payments(&service, &account).await.remove(0);
    give_back(&service, &first["id"], "890.00").await;
    service.hear_and_bill().await;
    tell_again(&service).await;
    let wallet = service.wallet(&account).await;
    assert_eq!((wallet.plan_available, wallet.permanent_available, wallet.owed_tokens), (1_500, 50, 300));
    assert_eq!(plan(&service, &account).await.0, "vip");
    service.assert_verifies().await;
}

/// A generation that fails gives its tokens back to a cycle that is over: they served nobody.
async fn what_is_held_when_a_cycle_is_charged_back_is_not_owed(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    let spender = service.spender().await;
    spend(&service, &account, 40).await;
    let hold = spender.hold(&account, 60).await.unwrap();
    charge_back(&service, &account, "890.00").await;
    spender.end(account.id, hold, false).await;
    let wallet = service.wallet(&account).await;
    assert_eq!((wallet.plan_available, wallet.plan_held, wallet.owed_tokens), (0, 0, 40));
    assert_eq!(tokens(&service, &account).await, (0, 50));
    service.assert_verifies().await;
}

async fn renewals_are_stopped_however_long_that_takes(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "basic", "telegram_stars").await;
    // The word of it comes when Telegram can be asked for nothing more.
    service.break_vendor("telegram", "notify-late", 1).await;
    let paid = books::payments(&service, &account).await.remove(0);
    let charge = json!({ "user_id": paid["user_id"], "telegram_payment_charge_id": paid["id"] });
    call_bot(&service, "refundStarPayment", &charge).await;
    service.break_vendor("telegram", "500", 9).await;
    service.hear_and_bill().await;
    // What can be done here is.
    assert_eq!(plan(&service, &account).await, ("free".to_owned(), Value::Null));
    assert_eq!(tokens(&service, &account).await, (0, 50));
    service.live_through(DAY_MS / 24, DAY_MS / 24 / 60).await;
    service.live_through(33 * DAY_MS, 11 * DAY_MS).await;
    assert_eq!(books::paid_times(&service, &account).await, 1, "it is charged no more");
    service.assert_verifies().await;
}

async fn a_debt_is_recovered_from_what_comes_next(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    package(&service, &account, "standard", "yookassa").await;
    spend(&service, &account, 250).await;
    // Word of it is lost; the books tell.
    service.break_vendor("yookassa", "notify-lost", 1).await;
    charge_back(&service, &account, "799.00").await;
    assert_eq!(service.wallet(&account).await.owed_tokens, 0);
    tell_again(&service).await;
    for (owed, plan_tokens, permanent) in [(200, 0, 0), (150, 0, 0), (0, 150, 0), (0, 150, 50)] {
        let wallet = service.wallet(&account).await;
        let found = (wallet.owed_tokens, wallet.plan_available, wallet.permanent_available);
        assert_eq!(found, (owed, plan_tokens, permanent));
        assert_eq!(
            wallet.spendable_tokens(domain::port::Clock::now(service.clock.as_ref())),
            plan_tokens + permanent
        );
        if owed == 150 {
            service.subscribe(&account, "basic", "yookassa").await;
        } else {
            package(&service, &account, "start", "yookassa").await;
        }
    }
    service.assert_verifies().await;
}

//! Money that goes back: given by an operator, or taken by the payment service.

use super::{
    books,
    notifications::{call_bot, tell},
    plan, spend, subscriber, tokens,
};
use app::Error;
use domain::{
    billing::{Refund, RefundStatus},
    id::PaymentId,
    time::DAY_MS,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Account, Service, TestDatabase, WEBHOOK_SECRET, http_client, send};

testkit::on_each_database!(
    a_package_gives_back_what_is_unspent_and_unheld,
    a_subscription_gives_back_by_the_upgrades_rule_and_ends,
    what_is_not_the_payers_any_more_is_refused,
    a_refund_that_its_service_refuses_gives_the_tokens_back,
    an_unknown_refund_is_made_once,
    two_refunds_at_once_give_back_once,
    stars_go_back_whole_or_not_at_all,
    a_chargeback_takes_the_tokens_and_the_rest_is_owed,
    a_chargeback_ends_the_subscription,
    a_debt_is_recovered_from_what_comes_next,
);

const HOUR_MS: i64 = 3_600_000;

/// A package that is paid.
async fn package(service: &Service, account: &Account, slug: &str, method: &str) -> PaymentId {
    let order = service.order_package(account, slug, method).await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    PaymentId(order["payment_id"].as_i64().unwrap())
}

/// The payment for an account's subscription.
async fn subscription_payment(service: &Service, account: &Account) -> PaymentId {
    service.app.live_subscription(account.id).await.unwrap().unwrap().payment_id
}

async fn refund(service: &Service, payment_id: PaymentId) -> Result<Refund, Error> {
    service.app.refund_payment(payment_id, "asked for it").await
}

/// What is given back of a payment, as `449.00`, or why nothing is.
async fn given_back(service: &Service, payment_id: PaymentId) -> String {
    match refund(service, payment_id).await {
        Ok(refund) => refund.amount.to_string(),
        Err(Error::Validation(fields)) => fields[0].message.clone(),
        Err(error) => error.to_string(),
    }
}

async fn a_package_gives_back_what_is_unspent_and_unheld(database: TestDatabase) {
    let service = Service::start(&database).await;
    let spender = service.spender().await;
    let nothing = "has bought what is used up";
    // Two packages of 100 tokens for 449 roubles each, after Starter's 50, which go first.
    for (spent, held, first, second) in [
        (0, 0, "449.00", "449.00"),
        (50, 0, "449.00", "449.00"),
        (51, 0, "444.51", "449.00"),
        (80, 0, "314.30", "449.00"),
        (50, 30, "314.30", "449.00"),
        (0, 80, "314.30", "449.00"),
        (149, 0, "4.49", "449.00"),
        (150, 0, nothing, "449.00"),
        (100, 75, nothing, "336.75"),
        (250, 0, nothing, nothing),
        (0, 250, nothing, nothing),
    ] {
        let account = service.account("free", 0).await;
        let packages = [
            package(&service, &account, "light", "yookassa").await,
            package(&service, &account, "light", "yookassa").await,
        ];
        if spent > 0 {
            spend(&service, &account, spent).await;
        }
        if held > 0 {
            spender.hold(&account, held).await.unwrap();
        }
        let given = [given_back(&service, packages[0]).await, given_back(&service, packages[1]).await];
        assert_eq!(given, [first, second], "{spent} spent, {held} held");
        // Starter's own are nobody's to give back.
        assert_eq!(tokens(&service, &account).await, (0, (50 - spent - held).max(0)));
        let again = [given_back(&service, packages[0]).await, given_back(&service, packages[1]).await];
        assert_eq!(again, [nothing, nothing]);
        service.hear_and_bill().await;
        let minor = |text: &str| text.replace('.', "").parse::<i64>().unwrap_or(0);
        let kept = books::kept_minor(&service, &account).await;
        assert_eq!(kept, 2 * 44_900 - minor(first) - minor(second));
        let shown: Vec<i64> = service
            .payments(&account)
            .await
            .iter()
            .map(|paid| minor(paid["refunded"].as_str().unwrap()))
            .collect();
        assert_eq!(shown, [minor(second), minor(first)]);
    }
    service.assert_verifies().await;
}

async fn a_subscription_gives_back_by_the_upgrades_rule_and_ends(database: TestDatabase) {
    let service = Service::start(&database).await;
    // A third of the cycle has passed; what was spent or held counts when it is more.
    let mut accounts = Vec::new();
    for _ in 0..3 {
        accounts.push(subscriber(&service, "basic").await);
    }
    service.clock.advance_ms(10 * DAY_MS);
    spend(&service, &accounts[1], 150).await;
    service.spender().await.hold(&accounts[2], 299).await.unwrap();
    for (account, amount) in accounts.iter().zip(["593.33", "445.00", "2.96"]) {
        let payment_id = subscription_payment(&service, account).await;
        assert_eq!(given_back(&service, payment_id).await, amount);
        service.hear_and_bill().await;
        assert_eq!(plan(&service, account).await, ("free".to_owned(), Value::Null));
        assert_eq!(tokens(&service, account).await, (0, 50));
        assert_eq!(service.subscription(account).await.status, 404);
        assert_eq!(given_back(&service, payment_id).await, "has bought a cycle that is over");
    }
    service.live_through(30 * DAY_MS, 10 * DAY_MS).await;
    for account in &accounts {
        assert_eq!(books::paid_times(&service, account).await, 1);
    }
    service.assert_verifies().await;
}

async fn what_is_not_the_payers_any_more_is_refused(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    let first = subscription_payment(&service, &account).await;
    service.live_through(30 * DAY_MS, 29 * DAY_MS).await;
    let open = service.order_package(&account, "start", "yookassa").await.expect(201);
    let canceled = service.order_package(&account, "start", "yookassa").await.expect(201);
    service.confirm(&canceled, "cancel").await.expect(200);
    let id = |order: &Value| PaymentId(order["payment_id"].as_i64().unwrap());
    for (payment_id, why) in [
        (first, "has bought a cycle that is over"),
        (id(&open), "is pending"),
        (id(&canceled), "is canceled"),
        (PaymentId(0), "there is no such payment"),
    ] {
        assert_eq!(given_back(&service, payment_id).await, why);
    }
    assert_eq!(books::kept_minor(&service, &account).await, 2 * 89_000);
    assert_eq!(tokens(&service, &account).await, (300, 50));
    service.assert_verifies().await;
}

async fn a_refund_that_its_service_refuses_gives_the_tokens_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    let payments = [
        package(&service, &account, "light", "yookassa").await,
        subscription_payment(&service, &account).await,
    ];
    spend(&service, &account, 30).await;
    service.break_vendor("yookassa", "refund-declined", 2).await;
    for payment_id in payments {
        assert_eq!(refund(&service, payment_id).await.unwrap().status, RefundStatus::Failed);
        assert_eq!(tokens(&service, &account).await, (270, 150));
    }
    assert_eq!(plan(&service, &account).await.0, "basic");
    assert!(service.payments(&account).await.iter().all(|payment| payment["refunded"] == "0.00"));
    assert_eq!(books::kept_minor(&service, &account).await, 44_900 + 89_000);
    // Another day it goes.
    for (payment_id, amount, left) in [(payments[0], "449.00", (270, 50)), (payments[1], "801.00", (0, 50))] {
        assert_eq!(given_back(&service, payment_id).await, amount);
        assert_eq!(tokens(&service, &account).await, left);
    }
    assert_eq!(books::kept_minor(&service, &account).await, 8_900);
    service.assert_verifies().await;
}

async fn an_unknown_refund_is_made_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    for (vendor, method, fault) in [
        ("yookassa", "yookassa", "500-made"),
        ("yookassa", "yookassa", "cut"),
        ("yookassa", "yookassa", "500"),
        ("yookassa", "yookassa", "401"),
        ("telegram", "telegram_stars", "500-made"),
        ("telegram", "telegram_stars", "500"),
    ] {
        let account = service.account("free", 0).await;
        let payment_id = package(&service, &account, "light", method).await;
        service.break_vendor(vendor, fault, 3).await;
        service.break_vendor(vendor, "notify-lost", 1).await;
        refund(&service, payment_id).await.unwrap();
        assert_eq!(tokens(&service, &account).await, (0, 50), "they are set aside meanwhile");
        service.live_through(6 * HOUR_MS, HOUR_MS).await;
        let refunds = service.app.refunds(account.id).await.unwrap();
        assert_eq!(refunds.len(), 1);
        assert_eq!(refunds[0].status, RefundStatus::Succeeded, "{method} {fault}");
        assert_eq!(books::kept_minor(&service, &account).await, 0, "{method} {fault}");
        service.break_vendor(vendor, "none", 1).await;
    }
    service.assert_verifies().await;
}

async fn two_refunds_at_once_give_back_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("free", 0).await;
    let payment_id = package(&service, &account, "light", "yookassa").await;
    spend(&service, &account, 90).await;
    let spender = service.spender().await;
    let (refunds, held) = tokio::join!(
        join_all([&service, &other, &service, &other].map(|service| refund(service, payment_id))),
        join_all((0..6).map(|_| spender.hold(&account, 5))),
    );
    let held = 5 * i64::try_from(held.iter().flatten().count()).unwrap();
    assert!(refunds.iter().flatten().count() <= 1, "{refunds:#?}");
    let made = service.app.refunds(account.id).await.unwrap();
    let given = made.iter().filter(|refund| refund.status != RefundStatus::Failed);
    let taken: i64 = given.map(|refund| refund.tokens).sum();
    assert_eq!(tokens(&service, &account).await, (0, 60 - held - taken));
    service.hear_and_bill().await;
    assert_eq!(books::kept_minor(&service, &account).await, 44_900 - taken * 449);
    service.assert_verifies().await;
}

async fn stars_go_back_whole_or_not_at_all(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let packages = [
        package(&service, &account, "light", "telegram_stars").await,
        package(&service, &account, "light", "telegram_stars").await,
    ];
    let subscribed = service.account("free", 0).await;
    service.subscribe(&subscribed, "basic", "telegram_stars").await;
    let touched = service.account("free", 0).await;
    service.subscribe(&touched, "basic", "telegram_stars").await;
    spend(&service, &account, 51).await;
    spend(&service, &touched, 1).await;
    service.clock.advance_ms(10 * DAY_MS);
    let used = "is in Stars, which go back whole or not at all, and some of its tokens are used";
    for (payment_id, given) in [
        (packages[0], used),
        (packages[1], "375"),
        (subscription_payment(&service, &subscribed).await, "742"),
        (subscription_payment(&service, &touched).await, used),
    ] {
        assert_eq!(given_back(&service, payment_id).await, given);
    }
    service.hear_and_bill().await;
    assert_eq!(tokens(&service, &account).await, (0, 99));
    assert_eq!(plan(&service, &subscribed).await, ("free".to_owned(), Value::Null));
    assert_eq!(plan(&service, &touched).await.0, "basic");
    // Telegram charges the one who goes on, and not the one who has the money back.
    service.live_through(21 * DAY_MS, 7 * DAY_MS).await;
    assert_eq!(books::paid_times(&service, &subscribed).await, 1);
    assert_eq!(books::paid_times(&service, &touched).await, 2);
    service.assert_verifies().await;
}

/// Somebody gives a payment back on the service's own pages, or a bank does: the last one that went well, so much of it.
async fn charge_back(service: &Service, account: &Account, amount: &str) {
    let paid = books::payments(service, account).await.pop().unwrap();
    if paid["service"] == "telegram" {
        let charge = json!({ "user_id": paid["user_id"], "telegram_payment_charge_id": paid["id"] });
        call_bot(service, "refundStarPayment", &charge).await;
    } else {
        let body = json!({ "payment_id": paid["id"], "amount": { "value": amount, "currency": "RUB" } });
        let url = format!("{}/refunds", service.sandbox.base_url("yookassa").unwrap());
        let request = http_client().post(url).basic_auth("100500", Some("by hand"));
        let request = request.header("idempotence-key", account.id.to_string());
        send(request.header("content-type", "application/json").body(body.to_string())).await.expect(200);
    }
    service.hear_and_bill().await;
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

//! Money that an operator gives back.

use super::{books, package, plan, spend, subscriber, tokens};
use app::Error;
use domain::{
    billing::{Refund, RefundStatus},
    id::PaymentId,
    time::DAY_MS,
};
use futures_util::future::join_all;
use serde_json::Value;
use testkit::{Account, Service, TestDatabase};

testkit::on_each_database!(
    a_package_gives_back_what_is_unspent_and_unheld,
    a_subscription_gives_back_by_the_upgrades_rule_and_ends,
    what_is_not_the_payers_any_more_is_refused,
    a_refund_that_its_service_refuses_gives_the_tokens_back,
    an_unknown_refund_is_made_once,
    what_was_given_back_before_a_long_sleep_is_looked_for,
    two_refunds_at_once_give_back_once,
    stars_go_back_whole_or_not_at_all,
);

const HOUR_MS: i64 = 3_600_000;

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
        let refunds = service.app.payment_details(payment_id).await.unwrap().refunds;
        assert_eq!(refunds.len(), 1);
        assert_eq!(refunds[0].status, RefundStatus::Succeeded, "{method} {fault}");
        assert_eq!(books::kept_minor(&service, &account).await, 0, "{method} {fault}");
        service.break_vendor(vendor, "none", 1).await;
    }
    service.assert_verifies().await;
}

/// A service remembers for a day what it was asked for. After that the same refund would be a second one.
async fn what_was_given_back_before_a_long_sleep_is_looked_for(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let payment_id = package(&service, &account, "light", "yookassa").await;
    // Half of the package is left, so its price would do for another refund.
    spend(&service, &account, 100).await;
    service.break_vendor("yookassa", "500-made", 3).await;
    service.break_vendor("yookassa", "notify-lost", 1).await;
    refund(&service, payment_id).await.unwrap();
    service.clock.advance_ms(25 * HOUR_MS);
    service.hear_and_bill().await;
    let refunds = service.app.payment_details(payment_id).await.unwrap().refunds;
    assert_eq!(refunds.iter().map(|refund| refund.status).collect::<Vec<_>>(), [RefundStatus::Succeeded]);
    assert_eq!(books::kept_minor(&service, &account).await, 22_450);
    assert_eq!(tokens(&service, &account).await, (0, 0));
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
    // Those that came too late may have to wait for each other, and for their leases.
    service.clock.advance_ms(HOUR_MS);
    service.hear_and_bill().await;
    let made = service.app.payment_details(payment_id).await.unwrap().refunds;
    let (given, failed): (Vec<_>, Vec<_>) =
        made.iter().partition(|refund| refund.status == RefundStatus::Succeeded);
    assert!(
        given.len() <= 1 && failed.iter().all(|refund| refund.status == RefundStatus::Failed),
        "{made:#?}"
    );
    let taken: i64 = given.iter().map(|refund| refund.tokens).sum();
    assert_eq!(tokens(&service, &account).await, (0, 60 - held - taken));
    let back = domain::billing::Money::kopecks(taken * 449).to_string();
    assert_eq!(service.payments(&account).await[0]["refunded"], back);
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

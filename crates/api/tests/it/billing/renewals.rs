//! Renewals by card: charged once whatever happens, declined, confirmed, asleep, and by two workers at once.

use super::{books, plan, subscriber, tokens};
use domain::{port::Clock, time::DAY_MS};
use serde_json::{Value, json};
use testkit::{Account, Service, Setup, TestDatabase};

testkit::on_each_database!(
    an_unknown_outcome_is_charged_once,
    a_service_that_hangs_charges_once,
    what_nobody_knows_for_a_day_waits_for_a_person,
    what_was_made_before_a_long_sleep_is_looked_for,
    a_renewal_that_its_payer_confirms,
    a_renewal_that_was_given_up_goes_back,
    a_method_that_is_gone_is_charged_no_more,
    a_declined_renewal_succeeds_in_grace,
    a_change_after_the_charge_comes_a_cycle_later,
    a_change_taken_back_after_the_charge_comes_back_a_cycle_later,
    a_cancellation_after_the_charge_gives_it_back,
    a_worker_that_slept_charges_the_running_cycle,
    money_for_a_cycle_that_passed_goes_back,
    workers_at_once_charge_and_grant_once,
);

const HOUR_MS: i64 = 3_600_000;
/// When the first renewal of a subscription is charged, since its start.
const CHARGED_MS: i64 = 29 * DAY_MS;

/// What became of an account's payments, newest first.
async fn statuses(service: &Service, account: &Account) -> Vec<Value> {
    service.payments(account).await.iter().map(|payment| payment["status"].clone()).collect()
}

async fn an_unknown_outcome_is_charged_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    // One request is three attempts.
    for (fault, times) in [
        ("500-made", 3),
        ("500-made", 2),
        ("500", 3),
        ("500", 7),
        ("malformed", 3),
        ("cut", 3),
        ("overloaded", 3),
        ("401", 2),
    ] {
        let account = subscriber(&service, "basic").await;
        let subscription = service.app.live_subscription(account.id).await.unwrap().unwrap();
        let charged_at = subscription.window.ends_at.plus_ms(-DAY_MS);
        service.clock.advance_ms(charged_at.ms_since(service.clock.now()));
        service.break_vendor("yookassa", fault, times).await;
        service.hear_and_bill().await;
        service.live_through(DAY_MS, 4 * HOUR_MS).await;
        assert_eq!(books::paid_times(&service, &account).await, 2, "{fault}");
        assert_eq!(statuses(&service, &account).await, ["succeeded", "succeeded"], "{fault}");
        assert_eq!(tokens(&service, &account).await, (300, 50), "{fault}");
        service.cancel_subscription(&account).await;
    }
    service.assert_verifies().await;
}

async fn a_service_that_hangs_charges_once(database: TestDatabase) {
    let setup = Setup { payment_timeout_ms: 2_000, ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let account = subscriber(&service, "basic").await;
    service.clock.advance_ms(CHARGED_MS);
    service.break_vendor("yookassa", "hang", 1).await;
    service.hear_and_bill().await;
    service.live_through(DAY_MS, 4 * HOUR_MS).await;
    assert_eq!(books::paid_times(&service, &account).await, 2);
    assert_eq!(tokens(&service, &account).await, (300, 50));
    service.assert_verifies().await;
}

/// The charge was made, nobody heard of it, and the service is away for longer than it remembers a repeat.
async fn what_nobody_knows_for_a_day_waits_for_a_person(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    service.clock.advance_ms(CHARGED_MS);
    for (fault, times) in [("500-made", 3), ("notify-lost", 1), ("500", 1_000)] {
        service.break_vendor("yookassa", fault, times).await;
    }
    service.live_through(26 * HOUR_MS, 2 * HOUR_MS).await;
    service.break_vendor("yookassa", "none", 1).await;
    service.live_through(4 * DAY_MS, DAY_MS).await;
    assert_eq!(statuses(&service, &account).await, ["pending", "succeeded"]);
    assert_eq!(books::payments(&service, &account).await.len(), 2, "nothing was asked for again");
    assert_eq!(tokens(&service, &account).await, (0, 50));
    // The person tells the worker to look at the service's books.
    let now = service.clock.now();
    service.app.reconcile(now.plus_ms(-10 * DAY_MS), now, true).await.unwrap();
    service.hear_and_bill().await;
    assert_eq!(statuses(&service, &account).await, ["succeeded", "succeeded"]);
    assert_eq!(tokens(&service, &account).await, (300, 50));
    assert_eq!(plan(&service, &account).await, ("basic".to_owned(), json!("2027-01-22T00:00:00Z")));
    service.assert_verifies().await;
}

/// A service remembers for a day what it was asked for. After that the same request would charge once more.
async fn what_was_made_before_a_long_sleep_is_looked_for(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    service.break_vendor("yookassa", "notify-lost", 1).await;
    service.break_vendor("yookassa", "500-made", 3).await;
    service.clock.advance_ms(CHARGED_MS);
    service.app.bill().await.unwrap();
    assert_eq!(books::payments(&service, &account).await.len(), 2);
    service.clock.advance_ms(25 * HOUR_MS);
    service.hear_and_bill().await;
    assert_eq!(books::payments(&service, &account).await.len(), 2, "nothing was asked for again");
    assert_eq!(statuses(&service, &account).await, ["succeeded", "succeeded"]);
    service.assert_verifies().await;
}

async fn a_renewal_that_its_payer_confirms(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (confirmed, late) = (subscriber(&service, "basic").await, subscriber(&service, "basic").await);
    service.break_vendor("yookassa", "3ds-pending", 2).await;
    service.live_through(CHARGED_MS, CHARGED_MS).await;
    for account in [&confirmed, &late] {
        assert_eq!(service.subscription(account).await.expect(200)["status"], "active");
        assert_eq!(statuses(&service, account).await, ["pending", "succeeded"]);
    }
    // Whoever looks meanwhile charges nothing more.
    database.execute("UPDATE subscriptions SET due_at_ms = 0").await.unwrap();
    service.hear_and_bill().await;
    assert_eq!(statuses(&service, &confirmed).await, ["pending", "succeeded"]);
    service.confirm(&books::payments(&service, &confirmed).await[1], "succeed").await.expect(200);
    assert_eq!(statuses(&service, &confirmed).await, ["succeeded", "succeeded"]);
    // The bank waits for an hour.
    service.live_through(2 * HOUR_MS, HOUR_MS).await;
    assert_eq!(service.payments(&late).await[0]["decline"], "not_confirmed");
    assert_eq!(service.subscription(&late).await.expect(200)["status"], "past_due");
    service.live_through(2 * DAY_MS, DAY_MS / 2).await;
    for account in [&confirmed, &late] {
        assert_eq!(plan(&service, account).await, ("basic".to_owned(), json!("2027-01-22T00:00:00Z")));
        assert_eq!(tokens(&service, account).await, (300, 50));
        assert_eq!(books::paid_times(&service, account).await, 2);
    }
    service.assert_verifies().await;
}

/// It was not found when it was looked for, and another one was charged in its place.
async fn a_renewal_that_was_given_up_goes_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    service.break_vendor("yookassa", "3ds-pending", 1).await;
    service.live_through(CHARGED_MS, CHARGED_MS).await;
    assert_eq!(statuses(&service, &account).await, ["pending", "succeeded"]);
    let now_ms = service.clock.now().unix_ms();
    for given_up in [
        "UPDATE payments SET status = 'canceled', decline = 'declined', due_at_ms = NULL WHERE kind = 'renewal'"
            .to_owned(),
        format!("UPDATE subscriptions SET renewal_payment_id = NULL, due_at_ms = {now_ms}"),
    ] {
        database.execute(&given_up).await.unwrap();
    }
    service.hear_and_bill().await;
    assert_eq!(statuses(&service, &account).await, ["succeeded", "canceled", "succeeded"]);
    service.confirm(&books::payments(&service, &account).await[1], "succeed").await.expect(200);
    assert_eq!(statuses(&service, &account).await, ["succeeded", "refunded", "succeeded"]);
    service.live_through(DAY_MS, DAY_MS).await;
    assert_eq!(plan(&service, &account).await, ("basic".to_owned(), json!("2027-01-22T00:00:00Z")));
    assert_eq!(tokens(&service, &account).await, (300, 50));
    assert_eq!(books::kept_minor(&service, &account).await, 2 * 89_000);
    service.assert_verifies().await;
}

async fn a_method_that_is_gone_is_charged_no_more(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "vip").await;
    // Somebody who does not let the card be saved has nothing that could be charged.
    let unsaved = service.account("free", 0).await;
    let order = service.order_plan(&unsaved, "vip", "yookassa").await.expect(201);
    let page = format!("{}/succeed", order["confirmation_url"].as_str().unwrap());
    let paying = testkit::http_client().post(page).body(json!({ "save": false }).to_string());
    testkit::send(paying).await.expect(200);
    service.break_vendor("yookassa", "method-revoked", 1).await;
    service.live_through(36 * DAY_MS, 3 * DAY_MS).await;
    // In grace, which is there for another card.
    for account in [&account, &unsaved] {
        assert_eq!(plan(&service, account).await.0, "vip");
        assert_eq!(tokens(&service, account).await, (0, 50));
    }
    service.live_through(2 * DAY_MS, DAY_MS).await;
    for (account, asked) in [(&account, 2), (&unsaved, 1)] {
        assert_eq!(plan(&service, account).await, ("free".to_owned(), Value::Null));
        assert_eq!(tokens(&service, account).await, (0, 50));
        assert_eq!(books::payments(&service, account).await.len(), asked);
    }
    service.assert_verifies().await;
}

async fn a_declined_renewal_succeeds_in_grace(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    // A day before the end, at the end, and a day after it; then two days later it goes through.
    service.break_vendor("yookassa", "declined", 3).await;
    service.live_through(CHARGED_MS, CHARGED_MS).await;
    for (day, status, expected) in
        [(30, "past_due", 0), (31, "past_due", 0), (32, "past_due", 0), (33, "active", 300)]
    {
        service.live_through(DAY_MS, DAY_MS).await;
        assert_eq!(service.subscription(&account).await.expect(200)["status"], status, "day {day}");
        assert_eq!(plan(&service, &account).await.0, "basic", "day {day}");
        assert_eq!(tokens(&service, &account).await, (expected, 50), "day {day}");
    }
    // The cycle is the calendar's, not the bank's, and the next one is charged as ever.
    assert_eq!(plan(&service, &account).await.1, json!("2027-01-22T00:00:00Z"));
    service.live_through(28 * DAY_MS, 7 * DAY_MS).await;
    assert_eq!(plan(&service, &account).await.1, json!("2027-02-22T00:00:00Z"));
    assert_eq!(books::paid_times(&service, &account).await, 3);
    service.assert_verifies().await;
}

async fn a_change_after_the_charge_comes_a_cycle_later(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "vip").await;
    service.live_through(CHARGED_MS, CHARGED_MS).await;
    assert_eq!(books::paid_times(&service, &account).await, 2);
    service.order_plan(&account, "basic", "yookassa").await.expect(200);
    service.live_through(DAY_MS, DAY_MS).await;
    // What is paid is had.
    assert_eq!(plan(&service, &account).await, ("vip".to_owned(), json!("2027-01-22T00:00:00Z")));
    assert_eq!(service.subscription(&account).await.expect(200)["next_plan"], "basic");
    service.live_through(31 * DAY_MS, 10 * DAY_MS).await;
    assert_eq!(plan(&service, &account).await, ("basic".to_owned(), json!("2027-02-22T00:00:00Z")));
    assert_eq!(tokens(&service, &account).await, (300, 50));
    assert_eq!(books::kept_minor(&service, &account).await, 2 * 299_000 + 89_000);
    service.assert_verifies().await;
}

/// The lower plan was charged already, so it is had for a cycle; then the old one goes on.
async fn a_change_taken_back_after_the_charge_comes_back_a_cycle_later(database: TestDatabase) {
    let service = Service::start(&database).await;
    let accounts = [
        subscriber(&service, "vip").await,
        subscriber(&service, "vip").await,
        subscriber(&service, "vip").await,
    ];
    for account in &accounts {
        service.order_plan(account, "basic", "yookassa").await.expect(200);
    }
    service.live_through(CHARGED_MS, CHARGED_MS).await;
    let [ordered, resumed, undecided] = &accounts;
    let later = service.order_plan(ordered, "vip", "yookassa").await.expect(200);
    assert_eq!(later["subscription"]["next_plan"], "vip");
    let back = service.post("/billing/subscription/resume", &resumed.key, &json!({})).await.expect(200);
    assert_eq!(back["next_plan"], "vip");
    service.order_plan(undecided, "vip", "yookassa").await.expect(200);
    service.order_plan(undecided, "basic", "yookassa").await.expect(200);
    for (days, plans) in [(1, ["basic", "basic", "basic"]), (31, ["vip", "vip", "basic"])] {
        service.live_through(days * DAY_MS, 10 * DAY_MS).await;
        for (account, expected) in accounts.iter().zip(plans) {
            assert_eq!(plan(&service, account).await.0, expected);
        }
    }
    for (account, kept) in accounts.iter().zip([687_000, 687_000, 477_000]) {
        assert_eq!(books::kept_minor(&service, account).await, kept);
        assert_eq!(service.subscription(account).await.expect(200)["next_plan"], Value::Null);
    }
    service.assert_verifies().await;
}

async fn a_cancellation_after_the_charge_gives_it_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (leaving, staying) = (subscriber(&service, "basic").await, subscriber(&service, "basic").await);
    service.live_through(CHARGED_MS, CHARGED_MS).await;
    for account in [&leaving, &staying] {
        assert_eq!(books::paid_times(&service, account).await, 2);
        assert_eq!(service.cancel_subscription(account).await.status, 204);
    }
    service.live_through(DAY_MS / 2, DAY_MS / 2).await;
    service.post("/billing/subscription/resume", &staying.key, &json!({})).await.expect(200);
    service.live_through(DAY_MS, DAY_MS / 2).await;
    assert_eq!(plan(&service, &leaving).await, ("free".to_owned(), Value::Null));
    assert_eq!(plan(&service, &staying).await, ("basic".to_owned(), json!("2027-01-22T00:00:00Z")));
    assert_eq!(statuses(&service, &leaving).await, ["refunded", "succeeded"]);
    for (account, kept, expected) in [(&leaving, 89_000, 0), (&staying, 2 * 89_000, 300)] {
        assert_eq!(books::kept_minor(&service, account).await, kept);
        assert_eq!(tokens(&service, account).await, (expected, 50));
    }
    service.assert_verifies().await;
}

/// Cycles that passed while nobody looked are neither charged nor given.
async fn a_worker_that_slept_charges_the_running_cycle(database: TestDatabase) {
    for (days, ends_at) in [
        (33, "2027-01-22T00:00:00Z"),
        (59, "2027-01-22T00:00:00Z"),
        (61, "2027-02-22T00:00:00Z"),
        (100, "2027-03-22T00:00:00Z"),
    ] {
        let service = Service::start(&database).await;
        let account = subscriber(&service, "basic").await;
        service.clock.advance_ms(days * DAY_MS);
        assert_eq!(service.wallet(&account).await.spendable_tokens(service.clock.now()), 50);
        service.hear_and_bill().await;
        assert_eq!(plan(&service, &account).await, ("basic".to_owned(), json!(ends_at)), "{days} days");
        assert_eq!(tokens(&service, &account).await, (300, 50));
        assert_eq!(books::paid_times(&service, &account).await, 2);
        service.cancel_subscription(&account).await;
        service.assert_verifies().await;
    }
}

/// It was charged ahead, and nobody looked until it was over: nothing of it could be had.
async fn money_for_a_cycle_that_passed_goes_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    service.live_through(CHARGED_MS, CHARGED_MS).await;
    service.clock.advance_ms(33 * DAY_MS);
    service.hear_and_bill().await;
    assert_eq!(statuses(&service, &account).await, ["succeeded", "refunded", "succeeded"]);
    assert_eq!(plan(&service, &account).await, ("basic".to_owned(), json!("2027-02-22T00:00:00Z")));
    assert_eq!(tokens(&service, &account).await, (300, 50));
    assert_eq!(books::kept_minor(&service, &account).await, 2 * 89_000);
    service.assert_verifies().await;
}

async fn workers_at_once_charge_and_grant_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let others = [service.another(&database).await, service.another(&database).await];
    let mut accounts = Vec::new();
    for _ in 0..4 {
        accounts.push(subscriber(&service, "basic").await);
    }
    // At the charge, and at the cycle's end.
    for step_ms in [CHARGED_MS, DAY_MS] {
        service.clock.advance_ms(step_ms);
        let rounds = [&service, &others[0], &others[1], &service].map(|service| service.app.bill());
        for round in futures_util::future::join_all(rounds).await {
            round.unwrap();
        }
        service.hear_and_bill().await;
    }
    let allowances = database.auditor().await.read("ledger_entries", &["account_id", "reason"]).await;
    for account in &accounts {
        assert_eq!(books::payments(&service, account).await.len(), 2);
        let own = [account.id.to_string(), "allowance".to_owned()];
        assert_eq!(allowances.iter().filter(|entry| **entry == own).count(), 2);
        assert_eq!(tokens(&service, account).await, (300, 50));
        assert_eq!(plan(&service, account).await, ("basic".to_owned(), json!("2027-01-22T00:00:00Z")));
    }
    service.assert_verifies().await;
}

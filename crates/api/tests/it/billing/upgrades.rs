//! Higher plans, at once: what an earlier one is still worth, and what becomes of its tokens.

use super::{books, plan, spend, subscriber, tokens};
use crate::{refused, wrong_fields};
use domain::time::DAY_MS;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Service, TestDatabase};

testkit::on_each_database!(
    the_credit_is_the_smaller_of_time_and_tokens,
    climbing_all_plans_in_a_day_costs_what_is_used,
    tokens_that_pay_cannot_be_spent,
    of_spending_and_ordering_at_once_each_token_serves_one,
    an_order_that_is_not_paid_gives_the_tokens_back,
    money_for_a_plan_that_was_replaced_goes_back,
    money_for_a_cycle_that_is_over_goes_back,
    what_is_charged_ahead_goes_back,
    an_upgrade_past_due_begins_anew,
    holds_of_the_old_cycle_end_by_the_promises,
    stars_wait_for_their_end,
);

const HOUR_MS: i64 = 3_600_000;

/// What is used of a subscription before a higher plan is ordered, and what that then costs.
struct Case {
    from: &'static str,
    to: &'static str,
    /// Milliseconds since the cycle began; its 30 days have 2,592,000,000.
    after_ms: i64,
    spent_tokens: i64,
    held_tokens: i64,
    credit: &'static str,
    amount: &'static str,
}

const fn case(
    plans: (&'static str, &'static str),
    after_ms: i64,
    (spent_tokens, held_tokens): (i64, i64),
    (credit, amount): (&'static str, &'static str),
) -> Case {
    Case { from: plans.0, to: plans.1, after_ms, spent_tokens, held_tokens, credit, amount }
}

const DAYS_10: i64 = 10 * DAY_MS;
const DAYS_15: i64 = 15 * DAY_MS;
const LAST_MINUTE: i64 = 30 * DAY_MS - 60_000;

/// Basic is 300 tokens for 890 roubles, pro 700 for 1,690, vip 1,500 for 2,990, elite 3,000 for 4,990. In the order of time.
const CASES: [Case; 16] = [
    case(("basic", "pro"), 0, (0, 0), ("890.00", "800.00")),
    case(("basic", "elite"), 0, (0, 0), ("890.00", "4100.00")),
    // 299 of 300 tokens are worth 887.033… roubles; spent or held is one.
    case(("basic", "pro"), 0, (1, 0), ("887.03", "802.97")),
    case(("basic", "pro"), 0, (0, 1), ("887.03", "802.97")),
    case(("basic", "pro"), 0, (300, 0), ("0.00", "1690.00")),
    case(("basic", "pro"), 0, (0, 300), ("0.00", "1690.00")),
    // Permanent tokens, of which everybody has 50, are nobody's plan.
    case(("basic", "pro"), 0, (310, 20), ("0.00", "1690.00")),
    // A kopeck that is not whole any more is not credited.
    case(("basic", "pro"), 1, (0, 0), ("889.99", "800.01")),
    // By time 593.33…; by tokens less, or as much.
    case(("basic", "vip"), DAYS_10, (0, 0), ("593.33", "2396.67")),
    case(("basic", "vip"), DAYS_10, (100, 0), ("593.33", "2396.67")),
    case(("basic", "vip"), DAYS_10, (99, 2), ("590.36", "2399.64")),
    case(("basic", "vip"), DAYS_10, (150, 0), ("445.00", "2545.00")),
    case(("pro", "vip"), DAYS_15, (0, 0), ("845.00", "2145.00")),
    case(("vip", "elite"), DAYS_15, (1_000, 100), ("797.33", "4192.67")),
    case(("basic", "pro"), LAST_MINUTE, (0, 0), ("0.02", "1689.98")),
    case(("vip", "elite"), LAST_MINUTE, (1_500, 0), ("0.00", "4990.00")),
];

async fn the_credit_is_the_smaller_of_time_and_tokens(database: TestDatabase) {
    let service = Service::start(&database).await;
    let mut accounts = Vec::new();
    for case in &CASES {
        accounts.push(subscriber(&service, case.from).await);
    }
    let spender = service.spender().await;
    let mut now_ms = 0;
    for (case, account) in CASES.iter().zip(&accounts) {
        service.clock.advance_ms(case.after_ms - now_ms);
        now_ms = case.after_ms;
        if case.spent_tokens > 0 {
            spend(&service, account, case.spent_tokens).await;
        }
        if case.held_tokens > 0 {
            spender.hold(account, case.held_tokens).await.unwrap();
        }
        let permanent = tokens(&service, account).await.1;
        let order = service.order_plan(account, case.to, "yookassa").await.expect(201);
        let asked = (order["credit"].as_str().unwrap(), order["amount"].as_str().unwrap());
        assert_eq!(asked, (case.credit, case.amount), "{order:#} {} after {} ms", case.from, case.after_ms);
        assert_eq!(tokens(&service, account).await, (0, permanent));
        service.confirm(&order, "succeed").await.expect(200);
        assert_eq!(plan(&service, account).await.0, case.to);
        let allowance = service.app.catalog().plan(case.to).unwrap().tokens;
        assert_eq!(tokens(&service, account).await, (allowance, permanent));
    }
    service.assert_verifies().await;
}

/// Half of each plan is used before the next is bought: what was used is paid for at its plan's price, and nothing twice.
async fn climbing_all_plans_in_a_day_costs_what_is_used(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (idle, busy) = (service.account("free", 0).await, service.account("free", 0).await);
    for (plan, allowance) in [("basic", 300), ("pro", 700), ("vip", 1_500), ("elite", 3_000)] {
        for account in [&idle, &busy] {
            service.subscribe(account, plan, "yookassa").await;
            assert_eq!(tokens(&service, account).await, (allowance, 50), "none is left of the plan before");
        }
        spend(&service, &busy, allowance / 2).await;
        service.clock.advance_ms(1_000);
    }
    let halves = (89_000 + 169_000 + 299_000) / 2;
    for (account, used) in [(&idle, 0), (&busy, halves)] {
        let kept = books::kept_minor(&service, account).await;
        // Whole kopecks, of which each step may cost one more, and three seconds.
        let least = used + 499_000;
        assert!((least..least + 20).contains(&kept), "{kept} for at least {least}");
    }
    service.assert_verifies().await;
}

async fn tokens_that_pay_cannot_be_spent(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    let spender = service.spender().await;
    let held = spender.hold(&account, 100).await.unwrap();
    let order = service.order_plan(&account, "pro", "yookassa").await.expect(201);
    assert_eq!(order["credit"], "593.33");
    // What is left is the 50 permanent ones.
    assert_eq!(spender.hold(&account, 51).await, None);
    spend(&service, &account, 50).await;
    assert_eq!(spender.hold(&account, 1).await, None);
    // A hold that comes back was no part of the price, and is lost with its cycle.
    spender.end(account.id, held, false).await;
    assert_eq!(tokens(&service, &account).await, (100, 0));
    service.confirm(&order, "succeed").await.expect(200);
    assert_eq!(tokens(&service, &account).await, (700, 0));
    service.assert_verifies().await;
}

async fn of_spending_and_ordering_at_once_each_token_serves_one(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = subscriber(&service, "basic").await;
    let spender = service.spender().await;
    let holds = async {
        let holds = join_all((0..12).map(|_| spender.hold(&account, 10))).await;
        i64::try_from(holds.into_iter().flatten().count()).unwrap()
    };
    let (held, reply) = tokio::join!(holds, other.order_plan(&account, "pro", "yookassa"));
    let (plan_tokens, permanent) = tokens(&service, &account).await;
    if reply.status == 201 {
        // What was set aside is what was there and not held, and pays its part of the price.
        let set_aside = 300 + 50 - 10 * held - plan_tokens - permanent;
        let credit = domain::billing::Money::kopecks(89_000 * set_aside / 300).to_string();
        assert_eq!(reply.json()["credit"], credit);
    } else {
        refused(&reply, 503, "overloaded");
        service.live_through(HOUR_MS, HOUR_MS / 4).await;
        assert_eq!(plan_tokens + permanent, 350 - 10 * held);
    }
    service.assert_verifies().await;
}

async fn an_order_that_is_not_paid_gives_the_tokens_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (canceled, forgotten, failed) = (
        subscriber(&service, "basic").await,
        subscriber(&service, "basic").await,
        subscriber(&service, "basic").await,
    );
    for account in [&canceled, &forgotten, &failed] {
        spend(&service, account, 10).await;
    }
    let order = service.order_plan(&canceled, "pro", "yookassa").await.expect(201);
    service.confirm(&order, "cancel").await.expect(200);
    // A page of YooKassa's lasts an hour.
    service.order_plan(&forgotten, "pro", "yookassa").await.expect(201);
    service.break_vendor("yookassa", "401", 1).await;
    refused(&service.order_plan(&failed, "pro", "yookassa").await, 500, "provider_error");
    service.live_through(2 * HOUR_MS, HOUR_MS / 2).await;
    for account in [&canceled, &forgotten, &failed] {
        assert_eq!(tokens(&service, account).await, (290, 50));
        assert_eq!(service.payments(account).await[0]["status"], "canceled");
        // Nothing has become of it: the same can be ordered again, for the price of that time.
        let order = service.order_plan(account, "pro", "yookassa").await.expect(201);
        assert_eq!(order["credit"], "860.33");
        service.confirm(&order, "succeed").await.expect(200);
        assert_eq!(tokens(&service, account).await, (700, 50));
    }
    service.assert_verifies().await;
}

async fn money_for_a_plan_that_was_replaced_goes_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    // The page of the first order stays open while another one is placed, which closes it here.
    let first = service.order_plan(&account, "pro", "yookassa").await.expect(201);
    let second = service.order_plan(&account, "vip", "yookassa").await.expect(201);
    assert_eq!(second["credit"], "890.00", "what the first set aside is free again");
    assert_eq!(tokens(&service, &account).await, (0, 50));
    service.confirm(&first, "succeed").await.expect(200);
    // Its tokens now pay for the second.
    assert_eq!(tokens(&service, &account).await, (0, 50));
    assert_eq!(plan(&service, &account).await.0, "basic");
    service.confirm(&second, "succeed").await.expect(200);
    assert_eq!(tokens(&service, &account).await, (1_500, 50));
    assert_eq!(plan(&service, &account).await.0, "vip");
    let statuses: Vec<Value> =
        service.payments(&account).await.iter().map(|payment| payment["status"].clone()).collect();
    assert_eq!(statuses, ["succeeded", "refunded", "succeeded"]);
    assert_eq!(books::kept_minor(&service, &account).await, 299_000);
    service.assert_verifies().await;
}

async fn money_for_a_cycle_that_is_over_goes_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    service.live_through(30 * DAY_MS - HOUR_MS / 2, DAY_MS).await;
    let order = service.order_plan(&account, "pro", "yookassa").await.expect(201);
    // The next cycle, charged ahead, begins while the payer looks for the card.
    service.live_through(HOUR_MS * 3 / 4, HOUR_MS / 4).await;
    assert_eq!(tokens(&service, &account).await, (300, 50));
    service.confirm(&order, "succeed").await.expect(200);
    assert_eq!(plan(&service, &account).await, ("basic".to_owned(), json!("2027-01-22T00:00:00Z")));
    assert_eq!(tokens(&service, &account).await, (300, 50));
    assert_eq!(books::kept_minor(&service, &account).await, 2 * 89_000);
    service.assert_verifies().await;
}

async fn what_is_charged_ahead_goes_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (charged, asked) = (subscriber(&service, "basic").await, subscriber(&service, "basic").await);
    service.cancel_subscription(&asked).await;
    service.live_through(29 * DAY_MS + HOUR_MS, DAY_MS).await;
    service.post("/billing/subscription/resume", &asked.key, &json!({})).await.expect(200);
    service.break_vendor("yookassa", "3ds-pending", 1).await;
    service.hear_and_bill().await;
    assert_eq!(books::paid_times(&service, &charged).await, 2);
    for account in [&charged, &asked] {
        // A day less an hour of thirty is left.
        let order = service.order_plan(account, "vip", "yookassa").await.expect(201);
        assert_eq!(order["credit"], "28.43");
        service.confirm(&order, "succeed").await.expect(200);
        assert_eq!(plan(&service, account).await, ("vip".to_owned(), json!("2027-01-21T01:00:00Z")));
    }
    // The bank has the second one's renewal confirmed when there is nothing to renew any more.
    let renewal = &books::payments(&service, &asked).await[1];
    assert_eq!(renewal["status"], "pending");
    service.confirm(renewal, "succeed").await.expect(200);
    service.live_through(3 * DAY_MS, DAY_MS).await;
    for account in [&charged, &asked] {
        assert_eq!(books::kept_minor(&service, account).await, 89_000 + 299_000 - 2_843);
        assert_eq!(tokens(&service, account).await, (1_500, 50));
    }
    service.assert_verifies().await;
}

async fn an_upgrade_past_due_begins_anew(database: TestDatabase) {
    let service = Service::start(&database).await;
    let accounts = [
        subscriber(&service, "basic").await,
        subscriber(&service, "basic").await,
        subscriber(&service, "basic").await,
    ];
    service.break_vendor("yookassa", "method-revoked", 3).await;
    service.live_through(29 * DAY_MS, 29 * DAY_MS).await;
    let [early, higher, same] = &accounts;
    for account in &accounts {
        assert_eq!(service.subscription(account).await.expect(200)["status"], "past_due");
    }
    // A day of the cycle is left, and worth something.
    let order = service.order_plan(early, "pro", "yookassa").await.expect(201);
    assert_eq!(order["credit"], "29.66");
    service.confirm(&order, "succeed").await.expect(200);
    assert_eq!(plan(&service, early).await, ("pro".to_owned(), json!("2027-01-21T00:00:00Z")));
    // In grace nothing is left.
    service.live_through(3 * DAY_MS, DAY_MS).await;
    for (account, wanted, allowance) in [(higher, "vip", 1_500), (same, "basic", 300)] {
        let order = service.order_plan(account, wanted, "yookassa").await.expect(201);
        assert_eq!(order["credit"], "0.00");
        service.confirm(&order, "succeed").await.expect(200);
        assert_eq!(plan(&service, account).await, (wanted.to_owned(), json!("2027-01-24T00:00:00Z")));
        assert_eq!(tokens(&service, account).await, (allowance, 50));
        assert_eq!(service.subscription(account).await.expect(200)["status"], "active");
    }
    // The new card is charged from now on.
    service.live_through(33 * DAY_MS, DAY_MS).await;
    assert_eq!(plan(&service, same).await, ("basic".to_owned(), json!("2027-02-24T00:00:00Z")));
    service.assert_verifies().await;
}

/// Promises 6 and 9: what was held before settles after, and what fails gives permanent tokens back, and no plan tokens of a
/// cycle that has ended.
async fn holds_of_the_old_cycle_end_by_the_promises(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    let spender = service.spender().await;
    let settles = spender.hold(&account, 120).await.unwrap();
    let fails = spender.hold(&account, 80).await.unwrap();
    // A hundred of the plan and twenty permanent ones.
    let fails_of_both = spender.hold(&account, 120).await.unwrap();
    let settles_of_both = spender.hold(&account, 30).await.unwrap();
    service.subscribe(&account, "pro", "yookassa").await;
    assert_eq!(tokens(&service, &account).await, (700, 0));
    let wallet = service.wallet(&account).await;
    assert_eq!((wallet.plan_held, wallet.permanent_held), (300, 50));
    for (hold, completes, permanent) in
        [(settles, true, 0), (fails, false, 0), (fails_of_both, false, 20), (settles_of_both, true, 20)]
    {
        spender.end(account.id, hold, completes).await;
        assert_eq!(tokens(&service, &account).await, (700, permanent));
    }
    let wallet = service.wallet(&account).await;
    assert_eq!((wallet.plan_held, wallet.permanent_held), (0, 0));
    let report = service.assert_verifies().await;
    assert_eq!(report.open_holds, 0);
}

async fn stars_wait_for_their_end(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    service.subscribe(&account, "basic", "telegram_stars").await;
    for method in ["telegram_stars", "yookassa"] {
        let later = service.order_plan(&account, "vip", method).await.expect(200);
        assert_eq!(later["effective_at"], "2026-12-22T00:00:00Z", "{later:#}");
        assert_eq!(later["subscription"]["cancel_at_end"], json!(true));
        // Nobody orders it for them.
        assert_eq!(later["subscription"]["next_plan"], Value::Null);
    }
    // The same one after all: it renews again.
    let same = service.order_plan(&account, "basic", "telegram_stars").await.expect(200);
    assert_eq!(same["subscription"]["cancel_at_end"], json!(false));
    service.live_through(31 * DAY_MS, DAY_MS).await;
    assert_eq!(plan(&service, &account).await, ("basic".to_owned(), json!("2027-01-21T00:00:00Z")));
    service.order_plan(&account, "vip", "telegram_stars").await.expect(200);
    service.live_through(32 * DAY_MS, DAY_MS).await;
    // It has ended, and the higher plan is there to be ordered.
    assert_eq!(plan(&service, &account).await.0, "free");
    assert_eq!(books::paid_times(&service, &account).await, 2);
    service.subscribe(&account, "vip", "yookassa").await;
    assert_eq!(tokens(&service, &account).await, (1_500, 50));
    // The other way round it does not go: Stars cannot take over a cycle that is paid in roubles.
    let reply = service.order_plan(&account, "elite", "telegram_stars").await;
    assert_eq!(wrong_fields(&reply, &["method"]), [json!(["yookassa"])]);
    service.assert_verifies().await;
}

//! Whoever works on money may die at any point: whoever comes next does the rest, and nothing twice.

use super::{books, chargebacks::give_back, notifications::tell, package, plan, spend, subscriber, tokens};
use crate::years::crash;
use app::Error;
use domain::{billing::RefundStatus, port::PaymentMethod, time::DAY_MS};
use serde_json::{Value, json};
use testkit::{Account, Service, TestDatabase, eventually, http_client, send};

testkit::on_each_database!(
    a_chargeback_is_taken_whole,
    a_refund_is_made_whole_or_not_at_all,
    a_refund_whose_tokens_are_not_taken_yet_is_the_only_one,
    a_package_is_entered_once,
    what_is_paid_and_not_entered_is_not_worth_nothing,
    a_cycle_ends_though_its_subscription_has_ended_before,
    a_cancellation_is_told_to_the_ledger_again,
    what_is_paid_is_entered_when_that_can_be,
);

/// Longer than any lease.
const LATER_MS: i64 = 600_000;

fn message(event: &str, object: &Value) -> String {
    json!({ "type": "notification", "event": event, "object": object }).to_string()
}

/// Has the ledger take no such entries, until [`take_entries`].
async fn refuse_entries(database: &TestDatabase, such: &str) {
    let refusal = if database.url.starts_with("sqlite") {
        format!("WHEN {such} BEGIN SELECT RAISE(ABORT, 'odd'); END")
    } else {
        format!("FOR EACH ROW WHEN ({such}) EXECUTE FUNCTION refuse_change('odd')")
    };
    database.execute(&format!("CREATE TRIGGER odd BEFORE INSERT ON ledger_entries {refusal}")).await.unwrap();
}

async fn take_entries(database: &TestDatabase) {
    let table = if database.url.starts_with("sqlite") { "" } else { " ON ledger_entries" };
    database.execute(&format!("DROP TRIGGER odd{table}")).await.unwrap();
}

async fn a_chargeback_is_taken_whole(database: TestDatabase) {
    let service = Service::start(&database).await;
    for polls in 0.. {
        let account = subscriber(&service, "basic").await;
        spend(&service, &account, 100).await;
        service.break_vendor("yookassa", "notify-lost", 1).await;
        let paid = books::payments(&service, &account).await.remove(0);
        give_back(&service, &paid["id"], "890.00").await;
        let refund = service.books().await["refunds"].as_array().unwrap().last().unwrap().clone();
        let object = json!({ "id": refund["id"], "payment_id": refund["payment_id"] });
        let told = message("refund.succeeded", &object);
        let method = PaymentMethod::Yookassa;
        let heard = crash::after(polls, service.app.take_notification(method, None, told.as_bytes())).await;
        // It is told once more before any worker has seen what is left to do.
        tell(&service, "yookassa", None, told).await.expect(200);
        service.clock.advance_ms(LATER_MS);
        service.hear_and_bill().await;
        let wallet = service.wallet(&account).await;
        let left = (wallet.plan_available, wallet.permanent_available, wallet.owed_tokens);
        assert_eq!(left, (0, 50, 100), "after {polls} polls");
        assert_eq!(plan(&service, &account).await, ("free".to_owned(), Value::Null), "after {polls} polls");
        if heard.is_some() {
            break;
        }
    }
    service.assert_verifies().await;
}

async fn a_refund_is_made_whole_or_not_at_all(database: TestDatabase) {
    let service = Service::start(&database).await;
    for polls in 0.. {
        let account = subscriber(&service, "basic").await;
        let payment_id = service.app.live_subscription(account.id).await.unwrap().unwrap().payment_id;
        let made = crash::after(polls, service.app.refund_payment(payment_id, "asked for it")).await;
        service.clock.advance_ms(LATER_MS);
        service.hear_and_bill().await;
        let kept = books::kept_minor(&service, &account).await;
        match service.app.payment_details(payment_id).await.unwrap().refunds.as_slice() {
            [] => {
                assert_eq!((kept, tokens(&service, &account).await), (89_000, (300, 50)));
                service.cancel_subscription(&account).await;
            }
            [refund] => {
                assert_eq!(refund.status, RefundStatus::Succeeded, "after {polls} polls");
                assert_eq!((kept, tokens(&service, &account).await), (0, (0, 50)), "after {polls} polls");
                assert_eq!(plan(&service, &account).await, ("free".to_owned(), Value::Null));
            }
            more => panic!("{more:#?}"),
        }
        if made.is_some() {
            break;
        }
    }
    service.assert_verifies().await;
}

/// The ledger takes nothing for a while, when money is to go back.
async fn a_refund_whose_tokens_are_not_taken_yet_is_the_only_one(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let payment_id = package(&service, &account, "light", "yookassa").await;
    // Sixty of a hundred are left.
    spend(&service, &account, 90).await;
    refuse_entries(&database, "NEW.reason = 'refund'").await;
    let refund = async || service.app.refund_payment(payment_id, "asked for it").await;
    assert!(refund().await.is_err());
    let again = refund().await;
    assert!(matches!(again, Err(Error::Moved)), "{again:?}");
    take_entries(&database).await;
    service.clock.advance_ms(LATER_MS);
    service.hear_and_bill().await;
    let refunds = service.app.payment_details(payment_id).await.unwrap().refunds;
    assert_eq!(refunds.iter().map(|refund| refund.status).collect::<Vec<_>>(), [RefundStatus::Succeeded]);
    assert_eq!(tokens(&service, &account).await, (0, 0));
    assert_eq!(books::kept_minor(&service, &account).await, 40 * 449);
    service.assert_verifies().await;
}

/// Pays for an order, and dies when what is told of that has been worked at for so many polls; whether it was done by then.
async fn pay_and_die(service: &Service, account: &Account, order: &Value, polls: u32) -> bool {
    service.break_vendor("yookassa", "notify-lost", 1).await;
    let page = order["confirmation_url"].as_str().unwrap();
    send(http_client().post(format!("{page}/succeed"))).await.expect(200);
    let paid = books::payments(service, account).await.remove(0);
    let told = message("payment.succeeded", &json!({ "id": paid["id"] }));
    let hearing = service.app.take_notification(PaymentMethod::Yookassa, None, told.as_bytes());
    crash::after(polls, hearing).await.is_some()
}

/// Its tokens may be entered, and nobody know of it.
async fn a_package_is_entered_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    for polls in 0.. {
        let account = service.account("free", 0).await;
        let order = service.order_package(&account, "light", "yookassa").await.expect(201);
        let is_heard = pay_and_die(&service, &account, &order, polls).await;
        // What died may still lock its rows, until PostgreSQL hears of it: workers pass over them.
        eventually(async || {
            service.clock.advance_ms(LATER_MS);
            service.hear_and_bill().await;
            (tokens(&service, &account).await != (0, 50)).then_some(())
        })
        .await;
        service.clock.advance_ms(LATER_MS);
        service.hear_and_bill().await;
        assert_eq!(tokens(&service, &account).await, (0, 150), "after {polls} polls");
        if is_heard {
            break;
        }
    }
    service.assert_verifies().await;
}

/// Between the decision what money buys and its entry in the ledger, an order waits: the new cycle has a worth.
async fn what_is_paid_and_not_entered_is_not_worth_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    for polls in 0.. {
        let account = service.account("free", 0).await;
        let order = service.order_plan(&account, "basic", "yookassa").await.expect(201);
        let is_heard = pay_and_die(&service, &account, &order, polls).await;
        let basic = service.app.live_subscription(account.id).await.unwrap();
        let reply = service.order_plan(&account, "vip", "yookassa").await;
        if basic.is_some() && reply.status != 503 {
            assert_eq!(reply.expect(201)["credit"], "890.00", "after {polls} polls");
        }
        if is_heard {
            break;
        }
    }
    service.clock.advance_ms(LATER_MS);
    service.hear_and_bill().await;
    service.assert_verifies().await;
}

/// The subscription was ended, and then its worker died.
async fn a_cycle_ends_though_its_subscription_has_ended_before(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    let payment_id = service.app.live_subscription(account.id).await.unwrap().unwrap().payment_id;
    service.break_vendor("yookassa", "500", 3).await;
    service.app.refund_payment(payment_id, "asked for it").await.unwrap();
    assert_eq!(plan(&service, &account).await.0, "basic", "the money is not back yet");
    let ended = "UPDATE subscriptions SET status = 'ended', end_reason = 'refunded', due_at_ms = NULL";
    database.execute(ended).await.unwrap();
    service.clock.advance_ms(LATER_MS);
    service.hear_and_bill().await;
    assert_eq!(plan(&service, &account).await, ("free".to_owned(), Value::Null));
    assert_eq!(service.wallet(&account).await.cycle, None);
    service.assert_verifies().await;
}

/// The cancellation was written, and then its process died.
async fn a_cancellation_is_told_to_the_ledger_again(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = subscriber(&service, "basic").await;
    for (what, is_kept) in [("cancel", false), ("resume", true)] {
        let kept = async || {
            let cycle = service.wallet(&account).await.cycle.unwrap();
            cycle.plan_until > cycle.ends_at
        };
        let say = async || match what {
            "cancel" => service.cancel_subscription(&account).await.status,
            _ => service.post("/billing/subscription/resume", &account.key, &json!({})).await.status,
        };
        let first = say().await;
        assert!(first < 300 && kept().await == is_kept, "{what}");
        let ends_at_ms = service.wallet(&account).await.cycle.unwrap().ends_at.unix_ms();
        let other_ms = if is_kept { ends_at_ms } else { ends_at_ms + LATER_MS };
        database.execute(&format!("UPDATE wallets SET cycle_plan_until_ms = {other_ms}")).await.unwrap();
        assert_eq!(kept().await, !is_kept);
        assert_eq!(say().await, first);
        assert_eq!(kept().await, is_kept, "{what}");
    }
}

/// The ledger takes nothing for a while, when the money has come.
async fn what_is_paid_is_entered_when_that_can_be(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    refuse_entries(&database, "NEW.debit = 'issued'").await;
    let package = service.order_package(&account, "start", "yookassa").await.expect(201);
    let plan = service.order_plan(&account, "basic", "yookassa").await.expect(201);
    let before = tokens(&service, &account).await;
    for order in [&package, &plan] {
        service.confirm(order, "succeed").await;
    }
    assert_eq!(tokens(&service, &account).await, before);
    take_entries(&database).await;
    service.live_through(DAY_MS, DAY_MS / 24).await;
    let bought = database.auditor().await.read("payments", &["kind", "tokens", "status"]).await;
    let of = |kind: &str| -> i64 {
        let row = bought.iter().find(|row| row[0] == kind).unwrap();
        assert_eq!(row[2], "succeeded", "{bought:?}");
        row[1].parse().unwrap()
    };
    assert_eq!(tokens(&service, &account).await, (of("subscription"), before.1 + of("package")));
    service.assert_verifies().await;
}

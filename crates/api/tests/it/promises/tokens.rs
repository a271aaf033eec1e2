//! What becomes of tokens: promises 1 to 6, and 9.

use super::entries;
use crate::{billing::tokens, jobs::photon, refused};
use domain::time::DAY_MS;
use futures_util::future::join_all;
use serde_json::json;
use testkit::{Account, Service, TestDatabase};

testkit::on_each_database!(
    promise_01_no_overdraft,
    promise_02_conservation,
    promise_03_append_only,
    promise_04_a_hold_resolves_once,
    promise_05_charge_is_quote,
    promise_06_failed_means_net_zero,
    promise_06_a_cycle_that_ended_meanwhile_stays_ended,
    promise_09_burn_order,
    promise_09_plan_tokens_end_with_their_cycle,
);

async fn promise_01_no_overdraft(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account_with(7).await;
    let models = ["gpt-5.2-pro", "gpt-5", "gpt-5", "gpt-5"];
    let asked = (0..24_usize).map(|number| {
        let service = if number % 2 == 0 { &service } else { &other };
        service.generate(&account.key, models[number % 4], "[[delay:50]] hello")
    });
    let replies = join_all(asked).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 3, "7 tokens buy three at 2");
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        refused(reply, 402, "insufficient_tokens");
    }
    service.generate(&account.key, "gpt-5-nano", "hello").await.expect(200);
    assert_eq!((service.balance(&account.key).await, service.calls().await), (0, 4));
    for bucket in ["plan_available", "permanent_available", "plan_held", "permanent_held"] {
        assert!(database.execute(&format!("UPDATE wallets SET {bucket} = -1")).await.is_err(), "{bucket}");
    }
    service.assert_verifies().await;
}

async fn promise_02_conservation(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 30).await;
    let spender = service.spender().await;
    let hold = spender.hold(&account, 1_495).await.unwrap();
    spender.end(account.id, hold, true).await;
    service.generate(&account.key, "gpt-5.2", "hello").await.expect(200);
    service.generate(&account.key, "gpt-5.2", "hello").await.expect(200);
    refused(&service.generate(&account.key, "gpt-5.2", "[[fault:refuse]]").await, 422, "content_refused");
    let open = spender.hold(&account, 2).await.unwrap();
    // Replayed by hand: what came into each bucket less what left it.
    let entries = entries(&database, &account).await;
    let replayed = |bucket: &str| -> i64 {
        let signed = entries.iter().map(|[_, debit, credit, amount, _]| {
            let amount: i64 = amount.parse().unwrap();
            i64::from(credit == bucket) * amount - i64::from(debit == bucket) * amount
        });
        signed.sum()
    };
    let legs = ["issued", "plan", "permanent", "spent", "expired", "adjusted", "owed"];
    assert_eq!(legs.map(replayed).iter().sum::<i64>(), 0);
    let wallet = service.wallet(&account).await;
    assert_eq!(replayed("plan"), wallet.plan_available + wallet.plan_held);
    assert_eq!(replayed("permanent"), wallet.permanent_available + wallet.permanent_held);
    assert_eq!((replayed("spent"), wallet.plan_held + wallet.permanent_held), (1_503, 2));
    spender.end(account.id, open, false).await;
    service.assert_verifies().await;
    database.execute("UPDATE wallets SET permanent_available = permanent_available + 1").await.unwrap();
    let report = service.app.verify_ledger().await.unwrap();
    assert_eq!(report.problems.len(), 1, "{report:?}");
}

async fn promise_03_append_only(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 5).await;
    service.generate(&account.key, "gpt-5", "hello").await.expect(200);
    let before = entries(&database, &account).await;
    for sql in [
        "UPDATE ledger_entries SET amount_tokens = amount_tokens",
        "UPDATE ledger_entries SET created_at_ms = 0 WHERE reason = 'charge'",
        "DELETE FROM ledger_entries",
        "DELETE FROM ledger_entries WHERE reason = 'charge'",
        // Of PostgreSQL alone; to SQLite it is no statement at all.
        "TRUNCATE ledger_entries",
    ] {
        assert!(database.execute(sql).await.is_err(), "{sql}");
    }
    assert_eq!(entries(&database, &account).await, before);
}

async fn promise_04_a_hold_resolves_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(20).await;
    let spender = service.spender().await;
    // Whatever comes second, and however often, changes nothing.
    for (first, left) in [(true, 15), (false, 15)] {
        let hold = spender.hold(&account, 5).await.unwrap();
        spender.end(account.id, hold, first).await;
        let entered = entries(&database, &account).await;
        for again in [true, false, first] {
            spender.end(account.id, hold, again).await;
            assert_eq!(service.balance(&account.key).await, left);
        }
        assert_eq!(entries(&database, &account).await, entered);
    }
    // A job that was canceled, and whose result comes all the same.
    let id = service.begin_job(&account, &photon()).await;
    let canceled = service.cancel(&account.key, &id).await.expect(200);
    refused(&service.cancel(&account.key, &id).await, 409, "not_cancellable");
    service.clock.advance_ms(60_000);
    service.poll().await;
    let after = service.generation(&account.key, &id).await;
    assert_eq!((&after["status"], &after["error_code"]), (&canceled["status"], &json!("canceled")));
    assert_eq!(service.balance(&account.key).await, 15);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn promise_05_charge_is_quote(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("elite", 0).await;
    for (model, params) in [
        ("gpt-5.2-pro", json!({ "prompt": "hello" })),
        ("gpt-image-1.5", json!({ "prompt": "A boat.", "quality": "high", "size": "1024x1536" })),
        ("gpt-image-1.5", json!({ "prompt": "A boat.", "quality": "low" })),
        ("openai-tts", json!({ "text": "Hello." })),
    ] {
        let path = format!("/models/{model}/calculate-price");
        let quote = service.post(&path, "", &json!({ "params": params })).await.expect(200);
        let mut body = params.clone();
        body["model"] = json!(model);
        let before = service.balance(&account.key).await;
        let answer = service.post("/generate", &account.key, &body).await.expect(200);
        assert_eq!(answer["tokens_spent"], quote["token_cost"], "{body}");
        let spent = before - service.balance(&account.key).await;
        assert_eq!(quote["token_cost"], spent, "{body}");
        // It cannot be made dearer afterwards, nor cheaper.
        for by in ["+ 1", "- 1"] {
            let sql = format!(
                "UPDATE generations SET price_tokens = price_tokens {by}, plan_tokens = plan_tokens {by}"
            );
            assert!(database.execute(&sql).await.is_err(), "{sql}");
        }
    }
    service.assert_verifies().await;
}

/// An account with 20 plan tokens left and as many permanent ones.
async fn both_buckets(service: &Service) -> Account {
    let account = service.account("vip", 20).await;
    let spender = service.spender().await;
    let hold = spender.hold(&account, 1_480).await.unwrap();
    spender.end(account.id, hold, true).await;
    account
}

async fn promise_06_failed_means_net_zero(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = both_buckets(&service).await;
    let before = entries(&database, &account).await;
    for fault in ["500", "cut", "malformed", "refuse"] {
        let prompt = format!("[[fault:{fault}]] hello");
        let reply = service.generate(&account.key, "gpt-5.2-pro", &prompt).await;
        assert!(reply.status >= 400, "{reply:?}");
        assert_eq!(tokens(&service, &account).await, (20, 20), "{fault}");
    }
    assert_eq!(entries(&database, &account).await, before);
    service.generate(&account.key, "gpt-5.2-pro", "hello").await.expect(200);
    assert_eq!(tokens(&service, &account).await, (0, 1));
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn promise_06_a_cycle_that_ended_meanwhile_stays_ended(database: TestDatabase) {
    let service = Service::start(&database).await;
    let spender = service.spender().await;
    for completes in [true, false] {
        let account = both_buckets(&service).await;
        let hold = spender.hold(&account, 30).await.unwrap();
        service.clock.advance_ms(32 * DAY_MS);
        service.app.recover().await.unwrap();
        spender.end(account.id, hold, completes).await;
        assert_eq!(tokens(&service, &account).await, (0, if completes { 10 } else { 20 }));
        assert_eq!(service.app.balance_of(account.id).await.unwrap().plan, "free");
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn promise_09_burn_order(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = both_buckets(&service).await;
    for expected in [(16, 20), (12, 20), (8, 20), (4, 20), (0, 20), (0, 16)] {
        service.generate(&account.key, "gpt-5.2", "hello").await.expect(200);
        assert_eq!(tokens(&service, &account).await, expected);
    }
}

async fn promise_09_plan_tokens_end_with_their_cycle(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = both_buckets(&service).await;
    let ends_at = service.wallet(&account).await.cycle.unwrap().ends_at;
    let now = || domain::port::Clock::now(&*service.clock);
    let spendable = async || service.app.balance_of(account.id).await.unwrap().token_balance;
    service.clock.advance_ms(ends_at.ms_since(now()) - 1);
    service.app.recover().await.unwrap();
    assert_eq!(spendable().await, 40);
    // Not swept yet, and gone all the same.
    service.clock.advance_ms(1);
    assert_eq!(spendable().await, 20);
    let spender = service.spender().await;
    assert_eq!(spender.hold(&account, 21).await, None);
    // What is given after the end is not taken by a sweep that comes late, however often it comes.
    service.app.grant(account.id, 5).await.unwrap();
    for _ in 0..2 {
        service.clock.advance_ms(DAY_MS);
        service.app.recover().await.unwrap();
        assert_eq!(tokens(&service, &account).await, (0, 25));
    }
    service.assert_verifies().await;
}

//! What a balance covers, and nothing beyond it.

use crate::refused;
use futures_util::future::join_all;
use serde_json::json;
use testkit::{Service, TestDatabase};

testkit::on_each_database!(
    a_balance_that_does_not_cover_the_price_is_told,
    of_many_at_once_the_balance_covers_exactly_so_many,
    two_processes_spend_one_balance,
    plan_tokens_go_first_and_both_buckets_pay_together,
);

async fn a_balance_that_does_not_cover_the_price_is_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(5).await;
    for path in ["/generate", "/generate/stream"] {
        let body = json!({ "model": "gpt-5.2-pro", "prompt": "hello" });
        let reply = service.post(path, &account.key, &body).await;
        let details = refused(&reply, 402, "insufficient_tokens");
        assert_eq!(details, json!({ "required": 39, "available": 5 }));
    }
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 5));
    // What was too dear does not stand in the way of what is not.
    service.generate(&account.key, "gpt-5.2", "hello").await.expect(200);
    service.generate(&account.key, "gpt-5-nano", "hello").await.expect(200);
    let details =
        refused(&service.generate(&account.key, "gpt-5-nano", "hello").await, 402, "insufficient_tokens");
    assert_eq!(details, json!({ "required": 1, "available": 0 }));
    service.assert_verifies().await;
}

/// Sends `requests` generations at `price` at once, in turn to each service, and expects exactly as many to complete as
/// the account's `tokens` cover.
async fn check_race(services: &[&Service], model: &str, price: i64, tokens: i64, requests: usize) {
    let account = services[0].account_with(tokens).await;
    let calls = services[0].calls().await;
    let replies = (0..requests).map(|number| {
        let (service, key) = (services[number % services.len()], &account.key);
        async move { service.generate(key, model, "[[delay:50]] hello").await }
    });
    let replies = join_all(replies).await;
    let completed = replies.iter().filter(|reply| reply.status == 200).count();
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        refused(reply, 402, "insufficient_tokens");
    }
    assert_eq!(i64::try_from(completed).unwrap(), tokens / price);
    assert_eq!(services[0].balance(&account.key).await, tokens % price);
    assert_eq!(services[0].calls().await - calls, u64::try_from(completed).unwrap());
    let report = services[0].assert_verifies().await;
    assert_eq!(report.open_holds, 0);
}

async fn of_many_at_once_the_balance_covers_exactly_so_many(database: TestDatabase) {
    let service = Service::start(&database).await;
    check_race(&[&service], "gpt-5-nano", 1, 7, 24).await;
    check_race(&[&service], "gpt-5.2", 4, 10, 24).await;
    check_race(&[&service], "gpt-5-nano", 1, 24, 24).await;
    check_race(&[&service], "gpt-5-nano", 1, 0, 24).await;
}

async fn two_processes_spend_one_balance(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    check_race(&[&service, &other], "gpt-5", 2, 11, 32).await;
    check_race(&[&service, &other], "gemini-3-pro", 3, 30, 32).await;
}

async fn plan_tokens_go_first_and_both_buckets_pay_together(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 20).await;
    // 38 times 39 tokens leave 18 of the plan's 1,500; the next takes them and 3 of the permanent ones: 20 do not do.
    for _ in 0..38 {
        service.generate(&account.key, "gpt-5.2-pro", "hello").await.expect(200);
    }
    assert_eq!(service.balance(&account.key).await, 38);
    let details =
        refused(&service.generate(&account.key, "gpt-5.2-pro", "hello").await, 402, "insufficient_tokens");
    assert_eq!(details, json!({ "required": 39, "available": 38 }));
    service.app.grant(account.id, 1).await.unwrap();
    service.generate(&account.key, "gpt-5.2-pro", "hello").await.expect(200);
    assert_eq!(service.balance(&account.key).await, 0);
    service.assert_verifies().await;
}

//! What the database refuses by itself, whatever the code above it does.

use crate::support::Bench;
use domain::{
    billing::{EndReason, Payment, SubscriptionStatus},
    ledger::{Command, OpenCycle, PaidCycle},
};
use storage::{BillingWrite, PaymentName};
use testkit::TestDatabase;

testkit::on_each_database!(
    the_database_refuses,
    the_database_refuses_in_billing,
    a_reason_is_any_word_but_legs_are_listed
);

async fn the_database_refuses(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    let hold = bench.hold(account, 4).await.unwrap();
    bench.complete(hold).await;
    let hold = bench.hold(account, 2).await.unwrap();
    bench.fail(hold).await;
    let entry = |reason: &str, source: i64, legs: &str, amount: i64| {
        format!("INSERT INTO ledger_entries VALUES ({account}, '{reason}', {source}, {legs}, {amount}, 0)")
    };
    let charged = "(SELECT MIN(source_id) FROM ledger_entries WHERE reason = 'charge')";
    let others = "key_id, model_slug, category, plan_tokens, permanent_tokens, cycle_id, node_id, created_at_ms, \
        deadline_at_ms";
    let statements = [
        "UPDATE ledger_entries SET amount_tokens = amount_tokens + 1".to_owned(),
        "UPDATE ledger_entries SET created_at_ms = 0".to_owned(),
        "DELETE FROM ledger_entries".to_owned(),
        entry("grant", 1, "'issued', 'permanent'", 0),
        entry("grant", 1, "'issued', 'permanent'", -5),
        entry("grant", 1, "'plan', 'plan'", 5),
        entry("grant", 1, "'issued', 'lost'", 5),
        entry("grant", 1, "'found', 'permanent'", 5),
        format!("INSERT INTO ledger_entries SELECT {account}, 'charge', {charged}, 'plan', 'spent', 4, 0"),
        "UPDATE wallets SET plan_available = -1".to_owned(),
        "UPDATE wallets SET permanent_available = -1".to_owned(),
        "UPDATE wallets SET plan_held = -1".to_owned(),
        "UPDATE wallets SET permanent_held = -1".to_owned(),
        "UPDATE wallets SET owed_tokens = -1".to_owned(),
        "UPDATE wallets SET hour_count = -1".to_owned(),
        "UPDATE wallets SET day_count = -1".to_owned(),
        "INSERT INTO key_uses VALUES (1, 1, 1, -1)".to_owned(),
        "INSERT INTO usage_days VALUES (1, 1, 'text', 0, 1)".to_owned(),
        "INSERT INTO usage_days VALUES (1, 1, 'text', 1, 0)".to_owned(),
        "UPDATE wallets SET cycle_id = NULL".to_owned(),
        "UPDATE generations SET status = 'pending', completed_at_ms = NULL, error_code = NULL".to_owned(),
        "UPDATE generations SET status = 'failed', error_code = 'x' WHERE status = 'completed'".to_owned(),
        "UPDATE generations SET status = 'completed', error_code = NULL WHERE status = 'failed'".to_owned(),
        "UPDATE generations SET price_tokens = 1, plan_tokens = 1".to_owned(),
        "UPDATE generations SET plan_tokens = 0, permanent_tokens = price_tokens, cycle_id = NULL".to_owned(),
        format!(
            "INSERT INTO generations (account_id, id, status, price_tokens, {others})
                SELECT account_id, -id, 'pending', price_tokens + 1, {others} FROM generations"
        ),
    ];
    for sql in statements {
        assert!(database.execute(&sql).await.is_err(), "{sql}");
    }
    bench.assert_verifies().await;
    assert_eq!(bench.buckets(account).await, [6, 5, 0, 0]);
}

/// Reasons are many and come with new versions; what balances are the legs.
async fn a_reason_is_any_word_but_legs_are_listed(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 5).await;
    let gift = |debit: &str| {
        format!("INSERT INTO ledger_entries VALUES ({account}, 'gift', 1, '{debit}', 'permanent', 2, 0)")
    };
    database.execute(&gift("issued")).await.unwrap();
    database.execute(&gift("adjusted")).await.unwrap();
    database.execute(&gift("owed")).await.unwrap();
    assert!(database.execute(&gift("issued")).await.is_err(), "one source gives once");
}

/// One row of each table, and two where a second one could be in the way; then each is damaged.
async fn the_database_refuses_in_billing(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    let payment = bench.payment(account).await;
    let subscription = bench.subscription(account, &payment).await;
    let mut ended = bench.subscription(account, &payment).await;
    (ended.status, ended.end_reason, ended.due_at) =
        (SubscriptionStatus::Ended, Some(EndReason::Canceled), None);
    let write = BillingWrite {
        new_refunds: vec![bench.refund(&payment).await],
        names: vec![
            (PaymentName::reference("a"), account, payment.id),
            (PaymentName::reference("b"), account, payment.id),
        ],
        new_payments: vec![payment.clone()],
        new_subscriptions: vec![subscription.clone(), ended],
        ..BillingWrite::default()
    };
    assert!(bench.storage.write_billing(write).await.unwrap());
    for cycle_index in 0..2 {
        let open = bench.cycle(account, 300).await;
        let paid_by = PaidCycle { subscription_id: subscription.id, cycle_index, payment_id: payment.id };
        let open = OpenCycle { paid_by: Some(paid_by), ..open };
        bench.storage.ledger().run(Command::OpenCycle(open)).await.unwrap();
    }
    for statement in [
        "cycles SET cycle_index = 0 WHERE subscription_id IS NOT NULL",
        "payment_directory SET name = 'order:a'",
        "payments SET kind = 'gift'",
        "payments SET status = 'lost'",
        "payments SET method = 'cash'",
        "payments SET currency = 'USD'",
        "payments SET tokens = 0",
        "payments SET amount_minor = 0",
        "payments SET amount_minor = -1",
        "payments SET credit_minor = -1",
        "payments SET refunded_minor = -1",
        "payments SET refunded_minor = amount_minor + 1",
        "payments SET trade_in_tokens = -1",
        "payments SET subscription_id = NULL",
        "payments SET cycle_index = NULL",
        "payments SET cycle_id = NULL",
        "subscriptions SET status = 'active', end_reason = NULL",
        "subscriptions SET status = 'paused'",
        "subscriptions SET end_reason = 'unpaid' WHERE status = 'active'",
        "subscriptions SET end_reason = NULL WHERE status = 'ended'",
        "subscriptions SET due_at_ms = 1 WHERE status = 'ended'",
        "subscriptions SET cycle_index = -1",
        "subscriptions SET cycle_ends_at_ms = cycle_starts_at_ms",
        "subscriptions SET price_minor = 0",
        "subscriptions SET price_currency = 'USD'",
        "subscriptions SET is_method_gone = 2",
        "subscriptions SET cancel_at_end = 2",
        "subscriptions SET declines = -1",
        "refunds SET kind = 'gift'",
        "refunds SET status = 'lost'",
        "refunds SET currency = 'USD'",
        "refunds SET amount_minor = 0",
        "refunds SET tokens = -1",
        "refunds SET owed_tokens = -1",
    ] {
        let error = database.execute(&format!("UPDATE {statement}")).await.err().unwrap_or_default();
        assert!(error.contains("constraint"), "{statement}: {error}");
    }
    // What they were made from still stands.
    let found = bench.storage.payment(account, payment.id).await.unwrap().unwrap();
    assert_eq!(found, Payment { version: 1, ..payment });
    bench.assert_verifies().await;
}

//! What the database refuses by itself, whatever the code above it does.

use crate::support::Bench;
use testkit::TestDatabase;

testkit::on_each_database!(the_database_refuses);

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
    let statements = [
        "UPDATE ledger_entries SET amount_tokens = amount_tokens + 1".to_owned(),
        "UPDATE ledger_entries SET created_at_ms = 0".to_owned(),
        "DELETE FROM ledger_entries".to_owned(),
        entry("grant", 1, "'issued', 'permanent'", 0),
        entry("grant", 1, "'issued', 'permanent'", -5),
        entry("grant", 1, "'plan', 'plan'", 5),
        entry("gift", 1, "'issued', 'permanent'", 5),
        format!("INSERT INTO ledger_entries SELECT {account}, 'charge', {charged}, 'plan', 'spent', 4, 0"),
        "UPDATE wallets SET plan_available = -1".to_owned(),
        "UPDATE wallets SET permanent_available = -1".to_owned(),
        "UPDATE wallets SET plan_held = -1".to_owned(),
        "UPDATE wallets SET permanent_held = -1".to_owned(),
        "UPDATE wallets SET cycle_id = NULL".to_owned(),
        "UPDATE generations SET status = 'pending', completed_at_ms = NULL, error_code = NULL".to_owned(),
        "UPDATE generations SET status = 'failed', error_code = 'x' WHERE status = 'completed'".to_owned(),
        "UPDATE generations SET status = 'completed', error_code = NULL WHERE status = 'failed'".to_owned(),
        "UPDATE generations SET price_tokens = 1, plan_tokens = 1".to_owned(),
        "UPDATE generations SET plan_tokens = 0, permanent_tokens = price_tokens, cycle_id = NULL".to_owned(),
    ];
    for sql in statements {
        assert!(database.execute(&sql).await.is_err(), "{sql}");
    }
    bench.assert_verifies().await;
    assert_eq!(bench.buckets(account).await, [6, 5, 0, 0]);
}

//! Processes, alive and not, and what they leave behind.

use crate::support::Bench;
use domain::id::NodeId;
use testkit::TestDatabase;

testkit::on_each_database!(the_dead_are_declared_once, holds_of_the_gone_are_lost);

async fn the_dead_are_declared_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let id = NodeId(bench.id().await);
    bench.storage.register_node(id).await.unwrap();
    let seen = bench.storage.living_nodes().await.unwrap()[0];
    assert!(bench.storage.beat(id).await.unwrap());
    assert!(!bench.storage.declare_dead(seen).await.unwrap(), "it has had a heartbeat since");
    let seen = bench.storage.living_nodes().await.unwrap()[0];
    assert!(bench.storage.declare_dead(seen).await.unwrap());
    assert!(!bench.storage.declare_dead(seen).await.unwrap());
    assert!(!bench.storage.beat(id).await.unwrap(), "the dead stay dead");
    assert!(bench.storage.living_nodes().await.unwrap().is_empty());
}

async fn holds_of_the_gone_are_lost(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(100, 0).await;
    bench.storage.register_node(NodeId(1)).await.unwrap();
    let hold = bench.hold(account, 5).await.unwrap();
    let lost = (account, hold.generation_id());
    assert_eq!(bench.storage.lost_holds(bench.now(), 10).await.unwrap(), []);
    // Its deadline is a minute away: past it, even a living process's hold is lost.
    let past = bench.now().plus_ms(60_001);
    assert_eq!(bench.storage.lost_holds(past, 10).await.unwrap(), [lost]);
    bench.storage.end_node(NodeId(1)).await.unwrap();
    assert_eq!(bench.storage.lost_holds(bench.now(), 10).await.unwrap(), [lost]);
    bench.fail(hold).await;
    assert_eq!(bench.storage.lost_holds(past, 10).await.unwrap(), []);
}

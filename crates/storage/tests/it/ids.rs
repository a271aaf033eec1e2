//! Ids are never used twice.

use crate::support::Bench;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use testkit::TestDatabase;

testkit::on_each_database!(ids_are_unique_over_processes);

async fn ids_are_unique_over_processes(database: TestDatabase) {
    let processes = [Bench::new(&database).await, Bench::new(&database).await, Bench::new(&database).await];
    let ids = join_all((0..6_000).map(|n| processes[n % 3].id())).await;
    let unique: BTreeSet<i64> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len());
    assert!(ids.iter().all(|id| (1..=domain::id::MAX_ID).contains(id)));
    // One that starts later begins above everything handed out before.
    let later = Bench::new(&database).await.id().await;
    assert!(unique.iter().all(|id| *id < later));
}

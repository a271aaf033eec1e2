//! Three times as many requests as there is room for.

use crate::refused;
use futures_util::{StreamExt, stream};
use serde_json::json;
use std::{pin::pin, sync::Arc, time::Duration};
use testkit::{CommitGate, Reply, Service, TestDatabase};
use tokio::{sync::Mutex, time::timeout};

testkit::on_each_database!(a_flood_is_told_to_come_back_at_once_and_what_is_let_in_is_done);

/// Holds that wait for the ledger.
const ROOM: usize = 256;
/// Requests at the same time: some beyond what waits, which are refused one after the other. All at once would take more open
/// files than many systems let a process have.
const AT_ONCE: usize = ROOM + 8;
/// What the account has, on a plan that lets it begin as many generations as it likes.
const TOKENS: i64 = 3_000;
/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Both databases at once would take too many open files as well.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

fn told_to_come_back(reply: &Reply) {
    assert_eq!(refused(reply, 503, "overloaded"), json!({}), "no generation was begun: {reply:?}");
    assert_eq!(reply.header("retry-after"), Some("1"), "{reply:?}");
}

async fn a_flood_is_told_to_come_back_at_once_and_what_is_let_in_is_done(database: TestDatabase) {
    let _turn = ONE_AT_A_TIME.lock().await;
    let gate = Arc::new(CommitGate::default());
    let service = Service::start_behind(&database, gate.clone()).await;
    let account = service.account("elite", 0).await;
    let generate = || service.generate(&account.key, "gpt-5-nano", "hello");

    // The ledger stands still with the first request alone.
    gate.shut();
    let mut first = pin!(generate());
    tokio::select! {
        reply = &mut first => panic!("answered before its hold was known: {reply:?}"),
        () = gate.arrival() => {}
    }
    let mut flood = pin!(stream::iter((0..3 * ROOM).map(|_| generate())).buffer_unordered(AT_ONCE));
    for _ in 0..2 * ROOM {
        let reply = timeout(PATIENCE, flood.next()).await.expect("who finds no room is told so at once");
        told_to_come_back(&reply.unwrap());
    }
    // One who looks is told what is so, and nobody has been to a vendor yet.
    assert_eq!(service.balance(&account.key).await, TOKENS - 1);
    told_to_come_back(&generate().await);
    assert_eq!(service.calls().await, 0);

    gate.open();
    first.await.expect(200);
    for _ in 0..ROOM {
        flood.next().await.unwrap().expect(200);
    }
    assert!(flood.next().await.is_none());
    let done = 1 + ROOM;
    assert_eq!(service.calls().await, u64::try_from(done).unwrap());
    let left = TOKENS - i64::try_from(done).unwrap();
    assert_eq!(service.balance(&account.key).await, left);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
    assert_eq!(generate().await.expect(200)["balance_remaining"], left - 1);
}

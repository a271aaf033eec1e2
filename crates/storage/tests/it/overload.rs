//! More work than there is room for.

use crate::support::Bench;
use futures_util::{StreamExt, stream::FuturesUnordered};
use storage::{Error, LedgerError};
use testkit::{Backend, TestDatabase};

/// More than may wait, together with a transaction's worth that waits no longer.
const HOLDS: usize = 700;
/// How many of them are refused at least: all beyond the 256 that wait and the 256 that a transaction takes.
const REFUSED: usize = HOLDS - 2 * 256;

#[tokio::test]
async fn what_cannot_wait_is_refused_at_once_and_the_rest_is_done() {
    let database: TestDatabase = testkit::database(Backend::Sqlite).await.unwrap();
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 1_000).await;
    let begun = bench.hold(account, 1).await.unwrap();
    let mut requests = Vec::new();
    for _ in 0..HOLDS {
        requests.push(bench.request(account, 1).await);
    }

    let stuck = database.open_transaction("UPDATE wallets SET listens = listens").await;
    let ledger = bench.storage.ledger();
    let mut answers: FuturesUnordered<_> = requests.into_iter().map(|request| ledger.hold(request)).collect();
    // Nothing is written as long as the other one has the database, so whatever is answered is refused.
    for _ in 0..REFUSED {
        let answer = answers.next().await.unwrap();
        assert!(matches!(answer, Err(LedgerError::Storage(Error::Overloaded))), "{answer:?}");
    }
    // What has begun finds room to end, however many ask to begin.
    let ending = tokio::spawn({
        let ledger = ledger.clone();
        let at = bench.now();
        async move { ledger.resolve(begun, domain::ledger::Resolution::Completed(Default::default()), at).await }
    });
    drop(stuck);

    let mut holds = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(hold) => holds.push(hold),
            Err(error) => assert!(matches!(error, LedgerError::Storage(Error::Overloaded)), "{error}"),
        }
    }
    assert!((256..=HOLDS - REFUSED).contains(&holds.len()), "{} were let in", holds.len());
    assert!(ending.await.unwrap().unwrap().is_completed);
    holds.push(bench.hold(account, 1).await.unwrap());
    let held = i64::try_from(holds.len()).unwrap();
    assert_eq!(bench.buckets(account).await, [0, 999 - held, 0, held]);
    for hold in holds {
        bench.fail(hold).await;
    }
    bench.assert_verifies().await;
}

//! Jobs: claimed by one worker at a time, for a while.

use crate::support::{Bench, failure};
use domain::id::{AccountId, GenerationId, NodeId};
use futures_util::future::join_all;
use std::collections::HashSet;
use storage::{ClaimedJob, JobUpdate, NewJob, Storage};
use testkit::TestDatabase;

testkit::on_each_database!(
    a_job_is_one_workers_at_a_time,
    jobs_are_claimed_when_they_are_due,
    a_claim_ends_with_its_lease,
    of_many_workers_each_job_has_one,
    a_callback_makes_its_job_due,
    a_callback_during_a_claim_is_not_lost,
    a_claim_is_renewed_by_whoever_has_it,
    what_was_told_of_a_job_comes_with_its_claim,
    a_job_that_is_forgotten_is_gone,
    holds_of_jobs_are_not_lost_with_their_process,
    what_runs_as_a_job_by_now_is_not_lost,
);

const LEASE_MS: i64 = 60_000;
const PAUSE_MS: i64 = 2_000;

/// A job of a new generation, due in [`PAUSE_MS`].
async fn start(bench: &Bench, account_id: AccountId, token: Option<&str>) -> GenerationId {
    let generation_id = bench.hold(account_id, 1).await.unwrap().generation_id();
    keep(bench, account_id, generation_id, token).await;
    generation_id
}

async fn keep(bench: &Bench, account_id: AccountId, generation_id: GenerationId, token: Option<&str>) {
    let new = NewJob {
        account_id,
        generation_id,
        call: r#"{"a":"call"}"#.to_owned(),
        state: "1".to_owned(),
        product: None,
        progress: None,
        poll_at: bench.now().plus_ms(PAUSE_MS),
        deadline_at: bench.now().plus_ms(300_000),
        token: token.map(str::to_owned),
    };
    bench.storage.create_job(new).await.unwrap();
}

async fn claim(bench: &Bench, storage: &Storage, limit: u32) -> Vec<ClaimedJob> {
    storage.claim_jobs(bench.now(), bench.now().plus_ms(LEASE_MS), limit).await.unwrap()
}

fn update(bench: &Bench, state: &str) -> JobUpdate {
    JobUpdate {
        state: state.to_owned(),
        progress: Some(40),
        troubles: 3,
        poll_at: bench.now().plus_ms(PAUSE_MS),
    }
}

async fn a_job_is_one_workers_at_a_time(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let other = database.storage(bench.clock.clone()).await;
    let account = bench.account(0, 10).await;
    let id = start(&bench, account, None).await;
    bench.clock.advance_ms(PAUSE_MS);
    let [job] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    assert_eq!((job.account_id, job.generation_id, job.polls), (account, id, 1));
    assert_eq!((job.call.as_str(), job.state.as_str()), (r#"{"a":"call"}"#, "1"));
    assert_eq!(claim(&bench, &other, 10).await, []);
    assert!(bench.storage.update_job(&job, update(&bench, "2")).await.unwrap());
    let shown = other.job(account, id).await.unwrap().unwrap();
    assert_eq!((shown.state.as_str(), shown.progress), ("2", Some(40)));
    // Given back, it waits until it is due, and then is anybody's.
    assert_eq!(claim(&bench, &other, 10).await, []);
    bench.clock.advance_ms(PAUSE_MS);
    let [job] = claim(&bench, &other, 10).await.try_into().unwrap();
    assert_eq!((job.polls, job.state.as_str()), (2, "2"));
}

async fn jobs_are_claimed_when_they_are_due(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(start(&bench, account, None).await);
        bench.clock.advance_ms(500);
    }
    bench.clock.advance_ms(PAUSE_MS - 2_001);
    assert_eq!(claim(&bench, &bench.storage, 10).await, []);
    bench.clock.advance_ms(1_001);
    // Two more are due than are asked for: the oldest come first.
    let first: HashSet<_> =
        claim(&bench, &bench.storage, 2).await.iter().map(|job| job.generation_id).collect();
    assert_eq!(first, HashSet::from([ids[0], ids[1]]));
    let [next] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    assert_eq!(next.generation_id, ids[2]);
}

async fn a_claim_ends_with_its_lease(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let id = start(&bench, account, None).await;
    bench.clock.advance_ms(PAUSE_MS);
    let [stale] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    bench.clock.advance_ms(LEASE_MS - 1);
    assert_eq!(claim(&bench, &bench.storage, 10).await, []);
    bench.clock.advance_ms(1);
    let [job] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    assert_eq!((job.generation_id, job.polls), (id, 2));
    // The first comes back, too late: what it found changes nothing, and does not take the job from the second.
    assert!(!bench.storage.update_job(&stale, update(&bench, "late")).await.unwrap());
    assert_eq!(claim(&bench, &bench.storage, 10).await, []);
    assert!(bench.storage.update_job(&job, update(&bench, "2")).await.unwrap());
    assert_eq!(bench.storage.job(account, id).await.unwrap().unwrap().state, "2");
    bench.storage.forget_job(account, id).await.unwrap();
    assert!(!bench.storage.update_job(&job, update(&bench, "3")).await.unwrap());
}

async fn of_many_workers_each_job_has_one(database: TestDatabase) {
    const JOBS: usize = 30;
    let bench = Bench::new(&database).await;
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(database.storage(bench.clock.clone()).await);
    }
    for _ in 0..3 {
        let account = bench.account(0, 10).await;
        for _ in 0..JOBS / 3 {
            start(&bench, account, None).await;
        }
    }
    bench.clock.advance_ms(PAUSE_MS);
    let mut claimed = Vec::new();
    while claimed.len() < JOBS {
        let round = join_all(workers.iter().map(|worker| claim(&bench, worker, 3))).await.concat();
        assert!(!round.is_empty(), "{} of {JOBS} are claimed", claimed.len());
        claimed.extend(round.iter().map(|job| (job.account_id, job.generation_id)));
    }
    assert_eq!(claimed.len(), JOBS);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>().len(), JOBS);
}

async fn a_callback_makes_its_job_due(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let id = start(&bench, account, Some("token")).await;
    start(&bench, account, Some("another")).await;
    assert!(!bench.storage.hasten_job("nothing", bench.now()).await.unwrap());
    assert_eq!(claim(&bench, &bench.storage, 10).await, []);
    assert!(bench.storage.hasten_job("token", bench.now()).await.unwrap());
    let [job] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    assert_eq!(job.generation_id, id);
    // It does not take a job from who is asking already.
    assert!(bench.storage.hasten_job("token", bench.now()).await.unwrap());
    assert_eq!(claim(&bench, &bench.storage, 10).await, []);
}

async fn a_callback_during_a_claim_is_not_lost(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    start(&bench, account, Some("token")).await;
    // One that came before the claim is answered by it.
    assert!(bench.storage.hasten_job("token", bench.now()).await.unwrap());
    let [job] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    assert!(bench.storage.update_job(&job, update(&bench, "2")).await.unwrap());
    assert_eq!(claim(&bench, &bench.storage, 10).await, []);
    // One that comes within it is not, even in the same millisecond.
    bench.clock.advance_ms(PAUSE_MS);
    let [job] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    assert!(bench.storage.hasten_job("token", bench.now()).await.unwrap());
    assert!(bench.storage.update_job(&job, update(&bench, "3")).await.unwrap());
    let [job] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    assert_eq!(job.state, "3");
    assert!(bench.storage.update_job(&job, update(&bench, "4")).await.unwrap());
    assert_eq!(claim(&bench, &bench.storage, 10).await, []);
}

async fn a_claim_is_renewed_by_whoever_has_it(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let id = start(&bench, account, None).await;
    bench.clock.advance_ms(PAUSE_MS);
    let [job] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    bench.clock.advance_ms(LEASE_MS - 1);
    let leased_until = bench.now().plus_ms(LEASE_MS);
    assert!(bench.storage.extend_claim(&job, leased_until).await.unwrap());
    assert_eq!(bench.storage.job(account, id).await.unwrap().unwrap().leased_until, leased_until);
    bench.clock.advance_ms(LEASE_MS - 1);
    assert_eq!(claim(&bench, &bench.storage, 10).await, []);
    bench.clock.advance_ms(1);
    let [next] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    assert!(!bench.storage.extend_claim(&job, bench.now().plus_ms(LEASE_MS)).await.unwrap());
    bench.storage.forget_job(account, id).await.unwrap();
    assert!(!bench.storage.extend_claim(&next, bench.now().plus_ms(LEASE_MS)).await.unwrap());
}

async fn what_was_told_of_a_job_comes_with_its_claim(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let generation_id = bench.hold(account, 1).await.unwrap().generation_id();
    let new = NewJob {
        account_id: account,
        generation_id,
        call: "{}".to_owned(),
        state: "null".to_owned(),
        product: Some(r#"{"a":"product"}"#.to_owned()),
        progress: Some(10),
        poll_at: bench.now(),
        deadline_at: bench.now(),
        token: None,
    };
    bench.storage.create_job(new).await.unwrap();
    let [job] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    assert_eq!((job.product.as_deref(), job.progress), (Some(r#"{"a":"product"}"#), Some(10)));
    assert_eq!((job.troubles, job.hints), (0, 0));
    assert!(bench.storage.update_job(&job, update(&bench, "null")).await.unwrap());
    bench.clock.advance_ms(PAUSE_MS);
    let [job] = claim(&bench, &bench.storage, 10).await.try_into().unwrap();
    assert_eq!((job.product.as_deref(), job.progress), (Some(r#"{"a":"product"}"#), Some(40)));
    assert_eq!((job.troubles, job.polls), (3, 2));
}

async fn a_job_that_is_forgotten_is_gone(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let id = start(&bench, account, Some("token")).await;
    for _ in 0..2 {
        bench.storage.forget_job(account, id).await.unwrap();
        assert_eq!(bench.storage.job(account, id).await.unwrap(), None);
        assert!(!bench.storage.hasten_job("token", bench.now()).await.unwrap());
    }
    bench.clock.advance_ms(PAUSE_MS);
    assert_eq!(claim(&bench, &bench.storage, 10).await, []);
}

async fn holds_of_jobs_are_not_lost_with_their_process(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    bench.storage.register_node(NodeId(1)).await.unwrap();
    let id = start(&bench, account, None).await;
    let plain = bench.hold(account, 1).await.unwrap().generation_id();
    let later = bench.now().plus_ms(1);
    assert_eq!(bench.storage.open_holds_of(NodeId(1), later).await.unwrap(), [(account, plain)]);
    bench.storage.end_node(NodeId(1)).await.unwrap();
    assert_eq!(bench.storage.lost_holds(bench.now(), 10).await.unwrap(), [(account, plain)]);
    // Nor past the deadline of its hold: its vendor is asked first.
    let past = bench.now().plus_ms(60_001);
    assert_eq!(bench.storage.lost_holds(past, 10).await.unwrap(), [(account, plain)]);
    // Once it is no job any more, nothing keeps it.
    bench.storage.forget_job(account, id).await.unwrap();
    let lost = bench.storage.lost_holds(bench.now(), 10).await.unwrap();
    assert_eq!(lost.len(), 2);
}

/// Between the look for lost holds and their release, one may have become a job.
async fn what_runs_as_a_job_by_now_is_not_lost(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let (job, plain) = (start(&bench, account, None).await, bench.hold(account, 1).await.unwrap());
    let plain = plain.generation_id();
    let ledger = bench.storage.ledger();
    let releases = [job, plain].map(|id| ledger.release_lost(account, id, failure(), bench.now()));
    let [kept, released] = join_all(releases).await.try_into().unwrap();
    let (kept, released) = (kept.unwrap(), released.unwrap());
    assert_eq!((kept.is_first, kept.is_completed, released.is_first), (false, false, true));
    assert_eq!(bench.buckets(account).await, [0, 9, 0, 1]);
    // Whoever means it, as a client that cancels does, has it released.
    assert!(ledger.release(account, job, failure(), bench.now()).await.unwrap().is_first);
    assert_eq!(bench.buckets(account).await, [0, 10, 0, 0]);
    // Of a job that is kept and a hold that is taken for lost at the same time, one comes first.
    for _ in 0..8 {
        let id = bench.hold(account, 1).await.unwrap().generation_id();
        let (release, ()) = tokio::join!(
            ledger.release_lost(account, id, failure(), bench.now()),
            keep(&bench, account, id, None)
        );
        let is_pending = bench.buckets(account).await[3] == 1;
        assert_eq!(release.unwrap().is_first, !is_pending);
        ledger.release(account, id, failure(), bench.now()).await.unwrap();
    }
    bench.assert_verifies().await;
}

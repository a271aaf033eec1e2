//! What commands do to a wallet, a generation and the entries.

use crate::support::{Bench, CYCLE_MS, completed, failed, failure};
use domain::{
    id::GrantId,
    ledger::{Command, HoldRequest, Reason, Refusal, Resolution, Split},
};
use storage::{Completion, GenerationStatus, LedgerError};
use testkit::TestDatabase;

testkit::on_each_database!(
    plan_tokens_burn_first,
    a_hold_that_is_not_covered_changes_nothing,
    a_failed_generation_is_net_zero,
    a_hold_resolves_once,
    a_grant_is_given_once,
    a_cycle_is_opened_once,
    plan_tokens_end_with_their_cycle,
    a_hold_may_settle_after_its_cycle,
    a_hold_that_fails_after_its_cycle_stays_ended,
    a_new_cycle_replaces_the_rest_of_the_old,
    a_completed_generation_is_on_record,
    the_email_is_one_account,
    a_cost_that_nobody_knows_stays_what_it_may_be,
);

async fn plan_tokens_burn_first(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 100).await;
    let hold = bench.hold(account, 7).await.unwrap();
    assert_eq!(hold.split(), Split { plan_tokens: 7, permanent_tokens: 0 });
    let across = bench.hold(account, 7).await.unwrap();
    assert_eq!(across.split(), Split { plan_tokens: 3, permanent_tokens: 4 });
    assert_eq!(bench.buckets(account).await, [0, 96, 10, 4]);
    assert_eq!(bench.complete(hold).await.balance_tokens, 96);
    let resolved = bench.complete(across).await;
    assert_eq!((resolved.tokens_spent, resolved.balance_tokens), (7, 96));
    assert_eq!(bench.buckets(account).await, [0, 96, 0, 0]);
    bench.assert_verifies().await;
}

async fn a_hold_that_is_not_covered_changes_nothing(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(3, 4).await;
    let refusal = bench.hold(account, 8).await.unwrap_err();
    let expected = Refusal::InsufficientTokens { required_tokens: 8, available_tokens: 7 };
    assert!(matches!(refusal, LedgerError::Refused(found) if found == expected));
    assert_eq!(bench.buckets(account).await, [3, 4, 0, 0]);
    // A dear one does not block a later cheap one.
    let hold = bench.hold(account, 7).await.unwrap();
    bench.fail(hold).await;
    for price in [0, -1, i64::MAX] {
        let refusal = bench.hold(account, price).await.unwrap_err();
        assert!(matches!(refusal, LedgerError::Refused(Refusal::BadAmount)), "{price}");
    }
    assert_eq!(bench.buckets(account).await, [3, 4, 0, 0]);
    bench.assert_verifies().await;
}

async fn a_failed_generation_is_net_zero(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(5, 5).await;
    let hold = bench.hold(account, 8).await.unwrap();
    assert_eq!(bench.buckets(account).await, [0, 2, 5, 3]);
    let resolved = bench.fail(hold).await;
    assert_eq!((resolved.tokens_spent, resolved.balance_tokens), (0, 10));
    assert_eq!(bench.buckets(account).await, [5, 5, 0, 0]);
    bench.assert_verifies().await;
}

async fn a_hold_resolves_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(5, 5).await;
    let ledger = bench.storage.ledger();
    let hold = bench.hold(account, 6).await.unwrap();
    let id = hold.generation_id();
    assert!(bench.complete(hold).await.is_first);
    let again = ledger.release_lost(account, id, failure(), bench.now()).await.unwrap();
    assert!(!again.is_first && again.is_completed);
    assert_eq!((again.tokens_spent, again.balance_tokens), (6, 4));
    assert_eq!(bench.buckets(account).await, [0, 4, 0, 0]);

    let other = bench.hold(account, 4).await.unwrap();
    let id = other.generation_id();
    ledger.release_lost(account, id, failure(), bench.now()).await.unwrap();
    let late = ledger.resolve(other, completed(), bench.now()).await.unwrap();
    assert!(!late.is_first && !late.is_completed);
    assert_eq!(late.tokens_spent, 0);
    assert_eq!(bench.buckets(account).await, [0, 4, 0, 0]);
    bench.assert_verifies().await;
}

async fn a_grant_is_given_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 5).await;
    for (reason, after) in [(Reason::Starter, 15), (Reason::Grant, 25), (Reason::Package, 35)] {
        let grant_id = GrantId(bench.id().await);
        let grant = Command::Grant { account_id: account, grant_id, reason, amount_tokens: 10 };
        for _ in 0..3 {
            bench.storage.ledger().run(grant.clone()).await.unwrap();
            assert_eq!(bench.buckets(account).await, [0, after, 0, 0]);
        }
    }
    bench.assert_verifies().await;
}

async fn a_cycle_is_opened_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 5).await;
    let open = bench.cycle(account, 10).await;
    bench.storage.ledger().run(Command::OpenCycle(open.clone())).await.unwrap();
    let hold = bench.hold(account, 4).await.unwrap();
    bench.complete(hold).await;
    bench.storage.ledger().run(Command::OpenCycle(open)).await.unwrap();
    assert_eq!(bench.buckets(account).await, [6, 5, 0, 0]);
    bench.assert_verifies().await;
}

async fn plan_tokens_end_with_their_cycle(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 3).await;
    bench.clock.advance_ms(CYCLE_MS - 1);
    assert_eq!(bench.wallet(account).await.spendable_tokens(bench.now()), 13);
    assert!(bench.storage.ended_cycles(bench.now(), 10).await.unwrap().is_empty());
    // From its last instant on, swept or not, they cannot be spent.
    bench.clock.advance_ms(1);
    assert_eq!(bench.wallet(account).await.spendable_tokens(bench.now()), 3);
    assert!(bench.hold(account, 4).await.is_err());
    let hold = bench.hold(account, 3).await.unwrap();
    assert_eq!(hold.split(), Split { plan_tokens: 0, permanent_tokens: 3 });
    bench.fail(hold).await;
    let due = bench.storage.ended_cycles(bench.now(), 10).await.unwrap();
    let [(found, cycle_id)] = due.as_slice() else { unreachable!("one cycle is due: {due:?}") };
    assert_eq!(*found, account);
    for _ in 0..2 {
        bench
            .storage
            .ledger()
            .run(Command::Expire { account_id: account, cycle_id: *cycle_id })
            .await
            .unwrap();
        assert_eq!(bench.buckets(account).await, [0, 3, 0, 0]);
    }
    bench.assert_verifies().await;
}

async fn a_hold_may_settle_after_its_cycle(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 0).await;
    let hold = bench.hold(account, 6).await.unwrap();
    bench.clock.advance_ms(CYCLE_MS);
    let cycle = bench.wallet(account).await.cycle.unwrap().id;
    bench.storage.ledger().run(Command::Expire { account_id: account, cycle_id: cycle }).await.unwrap();
    assert_eq!(bench.buckets(account).await, [0, 0, 6, 0]);
    assert_eq!(bench.complete(hold).await.tokens_spent, 6);
    assert_eq!(bench.buckets(account).await, [0, 0, 0, 0]);
    bench.assert_verifies().await;
}

async fn a_hold_that_fails_after_its_cycle_stays_ended(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    let hold = bench.hold(account, 12).await.unwrap();
    bench.clock.advance_ms(CYCLE_MS);
    let open = bench.cycle(account, 100).await;
    bench.storage.ledger().run(Command::OpenCycle(open)).await.unwrap();
    assert_eq!(bench.fail(hold).await.balance_tokens, 105);
    assert_eq!(bench.buckets(account).await, [100, 5, 0, 0]);
    bench.assert_verifies().await;
}

async fn a_new_cycle_replaces_the_rest_of_the_old(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    let open = bench.cycle(account, 20).await;
    bench.storage.ledger().run(Command::OpenCycle(open)).await.unwrap();
    assert_eq!(bench.buckets(account).await, [20, 5, 0, 0]);
    bench.assert_verifies().await;
}

async fn a_completed_generation_is_on_record(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 0).await;
    let hold = bench.hold(account, 2).await.unwrap();
    let id = hold.generation_id();
    let pending = bench.storage.generation(account, id).await.unwrap().unwrap();
    assert_eq!((pending.status, pending.result_text), (GenerationStatus::Pending, None));
    bench.clock.advance_ms(1_500);
    bench.complete(hold).await;
    let record = bench.storage.generation(account, id).await.unwrap().unwrap();
    assert_eq!(record.status, GenerationStatus::Completed);
    assert_eq!(record.result_text.as_deref(), Some("world"));
    assert_eq!(record.completed_at.unwrap().ms_since(record.created_at), 1_500);
    assert_eq!(record.vendor_cost_micro_usd, Some(12));
    let hold = bench.hold(account, 2).await.unwrap();
    let id = hold.generation_id();
    bench.storage.ledger().resolve(hold, failed(), bench.now()).await.unwrap();
    let record = bench.storage.generation(account, id).await.unwrap().unwrap();
    assert_eq!(record.error_code.as_deref(), Some("provider_error"));
    assert_eq!(record.error_details, failure().details);
    let stranger = bench.account(1, 0).await;
    assert_eq!(bench.storage.generation(stranger, id).await.unwrap(), None);
}

async fn the_email_is_one_account(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let first = domain::id::AccountId(bench.id().await);
    let open = |id, email: &str| storage::NewAccount::of_email(id, email.to_owned());
    bench.storage.create_account(open(first, "Ann@Example.org"), None, Vec::new()).await.unwrap();
    let second = domain::id::AccountId(bench.id().await);
    let taken = bench.storage.create_account(open(second, "ann@example.ORG"), None, Vec::new()).await;
    assert!(matches!(taken, Err(LedgerError::Storage(storage::Error::EmailTaken))));
    assert_eq!(bench.storage.account(second).await.unwrap(), None);
    let found = bench.storage.account_by_email("ANN@example.org").await.unwrap().unwrap();
    assert_eq!((found.id, found.email.as_deref()), (first, Some("Ann@Example.org")));
}

async fn a_cost_that_nobody_knows_stays_what_it_may_be(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    for (told, expected) in [(None, 500), (Some(12), 12)] {
        let request = bench.request(account, 1).await;
        let id = request.generation_id;
        let hold = HoldRequest { vendor_cost_micro_usd: Some(500), ..request };
        let hold = bench.storage.ledger().hold(hold).await.unwrap();
        let result_metadata = "{}".to_owned();
        let done = Completion { vendor_cost_micro_usd: told, result_metadata, ..Completion::default() };
        bench.storage.ledger().resolve(hold, Resolution::Completed(done), bench.now()).await.unwrap();
        let record = bench.storage.generation(account, id).await.unwrap().unwrap();
        assert_eq!(record.vendor_cost_micro_usd, Some(expected));
    }
}

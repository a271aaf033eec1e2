//! A process remembers wallets and holds that it has written. Others write to them too.

use crate::support::{Bench, completed, failed};
use domain::{
    id::{AccountId, GrantId, KeyId},
    ledger::{Command, HoldRequest, Reason, Refusal},
};
use futures_util::future::join_all;
use storage::{Hold, LedgerError};
use testkit::{Backend, TestDatabase};

testkit::on_each_database!(
    what_another_process_gave_can_be_spent,
    what_another_process_took_cannot_be_spent,
    a_hold_that_another_process_ended_has_ended,
    a_cycle_that_another_process_ended_takes_nothing_back,
    a_budget_is_shared,
    a_closed_account_begins_nothing,
);

async fn pair(database: &TestDatabase) -> (Bench, Bench) {
    (Bench::new(database).await, Bench::new(database).await)
}

async fn grant(bench: &Bench, account_id: AccountId, amount_tokens: i64) {
    let (grant_id, reason) = (GrantId(bench.id().await), Reason::Grant);
    bench.storage.ledger().run(Command::Grant { account_id, grant_id, reason, amount_tokens }).await.unwrap();
}

fn is_not_covered(held: &Result<Hold, LedgerError>) -> bool {
    matches!(held, Err(LedgerError::Refused(Refusal::InsufficientTokens { .. })))
}

async fn what_another_process_gave_can_be_spent(database: TestDatabase) {
    let (here, there) = pair(&database).await;
    let account = here.account(0, 5).await;
    let hold = here.hold(account, 5).await.unwrap();
    assert!(is_not_covered(&here.hold(account, 1).await));
    grant(&there, account, 7).await;
    let second = here.hold(account, 7).await.unwrap();
    assert_eq!(here.complete(hold).await.balance_tokens, 0);
    here.fail(second).await;
    assert_eq!(here.buckets(account).await, [0, 7, 0, 0]);
    here.assert_verifies().await;
}

async fn what_another_process_took_cannot_be_spent(database: TestDatabase) {
    let (here, there) = pair(&database).await;
    let account = here.account(10, 10).await;
    let first = here.hold(account, 1).await.unwrap();
    let other = there.hold(account, 19).await.unwrap();
    assert!(is_not_covered(&here.hold(account, 1).await));
    there.complete(other).await;
    here.complete(first).await;
    assert!(is_not_covered(&here.hold(account, 1).await));
    assert_eq!(here.buckets(account).await, [0; 4]);
    here.assert_verifies().await;
}

async fn a_hold_that_another_process_ended_has_ended(database: TestDatabase) {
    let (here, there) = pair(&database).await;
    let account = here.account(0, 10).await;
    let hold = here.hold(account, 4).await.unwrap();
    let id = hold.generation_id();
    let failure = crate::support::failure();
    there.storage.ledger().release(account, id, failure, there.now()).await.unwrap();
    let settled = here.storage.ledger().resolve(hold, completed(), here.now()).await.unwrap();
    assert_eq!((settled.is_completed, settled.is_first, settled.tokens_spent), (false, false, 0));
    assert_eq!(here.buckets(account).await, [0, 10, 0, 0]);
    here.assert_verifies().await;
}

async fn a_cycle_that_another_process_ended_takes_nothing_back(database: TestDatabase) {
    let (here, there) = pair(&database).await;
    let account = here.account(6, 0).await;
    let hold = here.hold(account, 6).await.unwrap();
    let cycle_id = here.wallet(account).await.cycle.unwrap().id;
    there.storage.ledger().run(Command::EndCycle { account_id: account, cycle_id }).await.unwrap();
    here.fail(hold).await;
    assert_eq!(here.buckets(account).await, [0; 4]);
    here.assert_verifies().await;
}

async fn a_budget_is_shared(database: TestDatabase) {
    let (here, there) = pair(&database).await;
    let account = here.account(0, 100).await;
    let under_budget = async |bench: &Bench, price| {
        let request = bench.request(account, price).await;
        let request = HoldRequest { key_id: Some(KeyId(3)), key_budget_tokens: Some(10), ..request };
        bench.storage.ledger().hold(request).await
    };
    let first = under_budget(&here, 4).await.unwrap();
    let second = under_budget(&there, 4).await.unwrap();
    let refused = under_budget(&here, 4).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::OverKeyBudget { available_tokens: 2, .. })));
    there.storage.ledger().resolve(second, failed(), there.now()).await.unwrap();
    let third = under_budget(&here, 6).await.unwrap();
    for hold in [first, third] {
        here.complete(hold).await;
    }
    let refused = under_budget(&there, 1).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::OverKeyBudget { available_tokens: 0, .. })));
    here.assert_verifies().await;
}

async fn a_closed_account_begins_nothing(database: TestDatabase) {
    let here = Bench::new(&database).await;
    let account = here.account(0, 10).await;
    let hold = here.hold(account, 4).await.unwrap();
    here.complete(hold).await;
    database.execute("UPDATE wallets SET is_closed = 1").await.unwrap();
    let refused = here.hold(account, 1).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Refused(Refusal::UnknownAccount)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_gone_cost_nothing() {
    let Some(database) = testkit::database(Backend::Postgres).await else { return };
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let hold = bench.hold(account, 4).await.unwrap();
    assert!(database.cut().await > 0);
    assert_eq!(bench.complete(hold).await.balance_tokens, 6);
    assert!(database.cut().await > 0);
    let hold = bench.hold(account, 6).await.unwrap();
    bench.complete(hold).await;
    bench.assert_verifies().await;
}

/// What is refused is read before it is; and what was read is remembered, and read again. That comes to an end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_several_accounts_at_once_come_to_an_end() {
    let Some(database) = testkit::database(Backend::Postgres).await else { return };
    let bench = Bench::new(&database).await;
    let (rich, known, unknown) =
        (bench.account(0, 50).await, bench.account(0, 1).await, bench.account(0, 1).await);
    assert!(is_not_covered(&bench.hold(known, 2).await));
    // Those behind the first wait together.
    let asked = [rich, known, unknown, known, unknown].map(|account| bench.hold(account, 2));
    let held = join_all(asked).await;
    assert!(held[0].is_ok());
    assert!(held[1..].iter().all(is_not_covered), "{held:?}");
}

/// A hold of which nothing is told before its end is on its way to the disk; whatever follows it there takes it along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_told_waits_for_the_disk() {
    let Some(database) = testkit::database(Backend::Postgres).await else { return };
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let asked = async |is_told| {
        let request = HoldRequest { is_told, ..bench.request(account, 1).await };
        bench.storage.ledger().hold(request).await.unwrap()
    };
    let flushes = async |step: &str| {
        let waits = database.auditor().await.read("durability", &["step", "synchronous_commit"]).await;
        waits.into_iter().filter(|row| row[0] == step).map(|mut row| row.remove(1)).collect::<Vec<_>>()
    };
    let note = "CREATE TABLE durability (step TEXT, synchronous_commit TEXT);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO durability VALUES (NEW.status, current_setting('synchronous_commit'));
            RETURN NEW;
        END $$;
        CREATE TRIGGER note BEFORE INSERT OR UPDATE ON generations FOR EACH ROW EXECUTE FUNCTION note()";
    database.execute(note).await.unwrap();
    let (plain, told) = (asked(false).await, asked(true).await);
    assert_eq!(flushes("pending").await, ["off", "on"]);
    bench.complete(plain).await;
    bench.fail(told).await;
    assert_eq!(
        (flushes("completed").await, flushes("failed").await),
        (vec!["on".to_owned()], vec!["on".to_owned()])
    );
}

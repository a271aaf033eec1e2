//! What operators do to tokens, and the trail that it leaves: in one transaction, once, exact among many.

use crate::support::Bench;
use domain::{
    billing::report::ReportTerms,
    id::{AccountId, GenerationId},
    ledger::{Bucket, Command, Outcome, Reason, Refunded, Refusal, Split, TakeBack},
    time::DAY_MS,
};
use futures_util::future::join_all;
use storage::{AuditFilter, AuditNote, AuditOutcome, AuditRecord, LedgerError};
use testkit::TestDatabase;

testkit::on_each_database!(
    what_is_done_is_in_the_trail,
    of_many_who_take_at_once_as_many_take_as_there_is,
    a_charge_goes_back_once_among_many,
    plan_tokens_come_back_while_their_cycle_runs,
    what_is_given_back_is_not_earned,
    the_trail_only_grows,
);

fn note(account_id: AccountId, command: &str) -> AuditNote {
    AuditNote {
        operator: "ann".to_owned(),
        command: command.to_owned(),
        account_id: Some(account_id),
        details: Some("5 tokens".to_owned()),
        reason: Some("asked for by mail".to_owned()),
    }
}

impl Bench {
    async fn take(&self, account_id: AccountId, amount_tokens: i64) -> Result<Outcome, LedgerError> {
        let command = Command::Take { account_id, source_id: self.id().await, amount_tokens };
        self.storage.run_noted(command, note(account_id, "account take")).await
    }

    async fn refund_charge(&self, account_id: AccountId, id: GenerationId) -> Result<Outcome, LedgerError> {
        let command = Command::RefundCharge { account_id, generation_id: id };
        self.storage.run_noted(command, note(account_id, "generation refund")).await
    }

    /// Has a generation of that price completed.
    async fn charged(&self, account_id: AccountId, price_tokens: i64) -> GenerationId {
        let hold = self.hold(account_id, price_tokens).await.unwrap();
        let id = hold.generation_id();
        self.complete(hold).await;
        id
    }

    async fn trail(&self, filter: AuditFilter) -> Vec<AuditRecord> {
        self.storage.audit_entries(filter, 100).await.unwrap()
    }
}

fn refunded(plan_tokens: i64, permanent_tokens: i64, expired_tokens: i64, is_first: bool) -> Outcome {
    Outcome::Refunded(Refunded { split: Split { plan_tokens, permanent_tokens }, expired_tokens, is_first })
}

async fn what_is_done_is_in_the_trail(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let (anna, boris) = (bench.account(10, 20).await, bench.account(0, 1).await);
    assert_eq!(bench.take(anna, 5).await.unwrap(), Outcome::Done);
    let Err(LedgerError::Refused(Refusal::InsufficientTokens { available_tokens, .. })) =
        bench.take(anna, 16).await
    else {
        panic!("more than is free was taken");
    };
    assert_eq!(available_tokens, 15);
    assert_eq!(bench.buckets(anna).await, [10, 15, 0, 0]);
    bench.clock.advance_ms(1);
    let later = bench.now();
    let begun = bench.storage.note_begun(note(boris, "account suspend")).await.unwrap();
    let ended = note(boris, "account suspend");
    bench.storage.note_ended(begun, ended, AuditOutcome::Failed, Some("it broke".to_owned())).await.unwrap();

    let own = bench.trail(AuditFilter { account_id: Some(anna), ..AuditFilter::default() }).await;
    let outcomes: Vec<_> = own.iter().map(|entry| (entry.outcome, entry.message.is_some())).collect();
    assert_eq!(outcomes, [(AuditOutcome::Refused, true), (AuditOutcome::Done, false)]);
    assert_eq!(own[1].note, note(anna, "account take"));
    let since = bench.trail(AuditFilter { from: Some(later), ..AuditFilter::default() }).await;
    let outcomes: Vec<_> = since.iter().map(|entry| (entry.outcome, entry.begun_id)).collect();
    assert_eq!(outcomes, [(AuditOutcome::Failed, Some(begun)), (AuditOutcome::Begun, None)]);
    let before = bench.trail(AuditFilter { to: Some(later), ..AuditFilter::default() }).await;
    assert_eq!(before.len(), 2);
    assert_eq!(bench.storage.audit_entries(AuditFilter::default(), 3).await.unwrap().len(), 3);

    // What could not be done left neither a movement nor an entry.
    let nobody = AccountId(bench.id().await);
    let result = bench.take(nobody, 1).await;
    assert!(matches!(result, Err(LedgerError::Refused(Refusal::UnknownAccount))), "{result:?}");
    bench.assert_verifies().await;
}

async fn of_many_who_take_at_once_as_many_take_as_there_is(database: TestDatabase) {
    let processes = [Bench::new(&database).await, Bench::new(&database).await];
    let bench = &processes[0];
    let account = bench.account(10, 20).await;
    let _held = bench.hold(account, 13).await.unwrap();
    assert_eq!(bench.buckets(account).await, [0, 17, 10, 3]);
    let tries = (0..8_usize).map(|n| processes[n % 2].take(account, 4));
    let taken = join_all(tries).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(taken, 4);
    assert_eq!(bench.buckets(account).await, [0, 1, 10, 3]);
    let entries = bench.trail(AuditFilter::default()).await;
    assert_eq!(entries.iter().filter(|entry| entry.outcome == AuditOutcome::Done).count(), 4);
    assert_eq!(entries.len(), 8);
    bench.assert_verifies().await;
}

async fn a_charge_goes_back_once_among_many(database: TestDatabase) {
    let processes = [Bench::new(&database).await, Bench::new(&database).await];
    let bench = &processes[0];
    let account = bench.account(10, 20).await;
    let id = bench.charged(account, 15).await;
    assert_eq!(bench.buckets(account).await, [0, 15, 0, 0]);
    let tries = (0..8_usize).map(|n| processes[n % 2].refund_charge(account, id));
    let answers: Vec<Outcome> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| **answer == refunded(10, 5, 0, true)).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == refunded(10, 5, 0, false)).count(), 7);
    assert_eq!(bench.buckets(account).await, [10, 20, 0, 0]);
    let record = bench.storage.generation(account, id).await.unwrap().unwrap();
    assert_eq!((record.refunded_tokens, record.price_tokens), (Some(15), 15));
    assert_eq!(bench.storage.owner_of_generation(id).await.unwrap(), Some(account));
    bench.assert_verifies().await;

    for sql in [
        format!("UPDATE generations SET refunded_tokens = NULL WHERE id = {id}"),
        format!("UPDATE generations SET refunded_tokens = 14 WHERE id = {id}"),
        format!(
            "INSERT INTO ledger_entries VALUES ({account}, 'charge_refund', {id}, 'spent', 'permanent', 5, 0)"
        ),
    ] {
        assert!(database.execute(&sql).await.is_err(), "{sql}");
    }
    let other = bench.charged(account, 1).await;
    for tokens in ["0", "-1", "2"] {
        let sql = format!("UPDATE generations SET refunded_tokens = {tokens} WHERE id = {other}");
        assert!(database.execute(&sql).await.is_err(), "{sql}");
    }
    // A row that says so without an entry is found out.
    let sql = format!("UPDATE generations SET refunded_tokens = 1 WHERE id = {other}");
    database.execute(&sql).await.unwrap();
    let problems = bench.storage.ledger().verify().await.unwrap().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].message.contains("was given 1 tokens back"), "{problems:?}");
}

async fn plan_tokens_come_back_while_their_cycle_runs(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 20).await;
    let [first, second] = [bench.charged(account, 4).await, bench.charged(account, 11).await];
    let pending = bench.hold(account, 1).await.unwrap();
    let failed = bench.hold(account, 1).await.unwrap();
    let failed_id = failed.generation_id();
    bench.fail(failed).await;
    let refuses = async |id| match bench.refund_charge(account, id).await {
        Err(LedgerError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refuses(pending.generation_id()).await, Refusal::NotCharged);
    assert_eq!(refuses(failed_id).await, Refusal::NotCharged);
    assert_eq!(refuses(GenerationId(1)).await, Refusal::UnknownGeneration);
    bench.complete(pending).await;
    let ended_id = bench.wallet(account).await.cycle.unwrap().id;
    let cycle = bench.cycle(account, 100).await;
    let running_id = cycle.cycle.id;
    bench.storage.ledger().run(Command::OpenCycle(cycle)).await.unwrap();
    assert_eq!(refuses(first).await, Refusal::ChargeExpired);
    for is_first in [true, false] {
        assert_eq!(bench.refund_charge(account, second).await.unwrap(), refunded(0, 5, 6, is_first));
        assert_eq!(bench.buckets(account).await, [100, 19, 0, 0]);
    }
    let third = bench.charged(account, 40).await;
    assert_eq!(bench.refund_charge(account, third).await.unwrap(), refunded(40, 0, 0, true));
    assert_eq!(bench.buckets(account).await, [100, 19, 0, 0]);
    // What came back was of no use, as a chargeback sees it; what expired meanwhile was.
    let used = async |id| bench.storage.cycle_used_tokens(account, id).await.unwrap();
    assert_eq!((used(ended_id).await, used(running_id).await), (10, 0));
    bench.assert_verifies().await;
}

/// The report adds up, whatever a debt takes of what comes back.
async fn what_is_given_back_is_not_earned(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 20).await;
    let [first, second] = [bench.charged(account, 15).await, bench.charged(account, 6).await];
    let cycle_id = bench.wallet(account).await.cycle.unwrap().id;
    let chargeback = TakeBack {
        account_id: account,
        reason: Reason::Chargeback,
        source_id: bench.id().await,
        bucket: Bucket::Plan(cycle_id),
        amount_tokens: 0,
        owed_tokens: 8,
        seen: (0, 0),
    };
    bench.storage.ledger().run(Command::TakeBack(chargeback)).await.unwrap();
    bench.clock.advance_ms(1);
    assert_eq!(bench.refund_charge(account, first).await.unwrap(), refunded(10, 5, 0, true));
    assert_eq!(bench.buckets(account).await, [7, 9, 0, 0]);
    let (from, to) = (bench.now().plus_ms(-DAY_MS), bench.now().plus_ms(1));
    let terms = ReportTerms { from, to, kopecks_per_star: 120, kopecks_per_usd: 9_000 };
    let report = bench.storage.billing_report(terms, |_, _| {}).await.unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.plan.spent.tokens, report.permanent.spent.tokens), (0, 6));
    let sold = report.total_margin();
    assert_eq!((sold.generations, sold.tokens), (2, 6));
    assert_eq!(bench.refund_charge(account, second).await.unwrap(), refunded(0, 6, 0, true));
    assert_eq!(bench.buckets(account).await, [7, 15, 0, 0]);
    bench.assert_verifies().await;
}

async fn the_trail_only_grows(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 20).await;
    bench.take(account, 5).await.unwrap();
    for sql in [
        "UPDATE audit_entries SET operator = 'somebody else'",
        "DELETE FROM audit_entries",
        "INSERT INTO audit_entries VALUES (1, 0, 'ann', 'x', NULL, NULL, NULL, 'perhaps', NULL, NULL)",
        "INSERT INTO audit_entries VALUES (1, 0, 'ann', 'x', NULL, NULL, NULL, 'begun', NULL, 1)",
    ] {
        assert!(database.execute(sql).await.is_err(), "{sql}");
    }
    assert_eq!(bench.trail(AuditFilter::default()).await.len(), 1);
}

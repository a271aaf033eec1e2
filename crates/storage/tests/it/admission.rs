//! Limits of plans, budgets of keys and names of requests, over several connections.

use crate::support::Bench;
use domain::{
    id::{AccountId, KeyId, PaymentId},
    ledger::{Binding, HoldRequest, RateLimits, Refusal},
    time::DAY_MS,
};
use futures_util::future::join_all;
use storage::{BillingWrite, Hold, KeyOutcome, LedgerError, NewKey};
use testkit::TestDatabase;

testkit::on_each_database!(
    exactly_as_many_are_begun_as_the_plan_allows,
    a_limit_counts_what_another_process_has_begun,
    a_budget_is_kept_to_the_token,
    what_fails_gives_the_budget_back_while_the_month_lasts,
    one_name_begins_one_generation,
    a_name_is_of_one_request_alone,
    an_order_and_its_name_are_written_together,
    the_first_answer_stays,
    an_order_and_a_generation_do_not_share_a_name,
    an_account_has_so_many_keys,
    names_are_forgotten_when_their_time_has_passed,
    a_key_says_what_it_may,
    the_last_use_of_keys_is_noted,
);

async fn processes(database: &TestDatabase) -> [Bench; 2] {
    [Bench::new(database).await, Bench::new(database).await]
}

fn binding(key: &str, what: u8) -> Binding {
    Binding { key: key.to_owned(), fingerprint: [what; 32], wait_ms: Some(5_000) }
}

impl Bench {
    async fn hold_with(
        &self,
        account: AccountId,
        price: i64,
        change: impl FnOnce(HoldRequest) -> HoldRequest,
    ) -> Result<Hold, LedgerError> {
        self.storage.ledger().hold(change(self.request(account, price).await)).await
    }

    async fn hold_limited(&self, account: AccountId, hourly: i64, daily: i64) -> Result<Hold, LedgerError> {
        let limits = RateLimits { hourly, daily };
        self.hold_with(account, 1, |request| HoldRequest { limits, ..request }).await
    }

    async fn hold_budgeted(&self, account: AccountId, price: i64, budget: i64) -> Result<Hold, LedgerError> {
        let key_budget_tokens = Some(budget);
        self.hold_with(account, price, |request| HoldRequest { key_budget_tokens, ..request }).await
    }

    async fn hold_named(&self, account: AccountId, binding: Binding) -> Result<Hold, LedgerError> {
        self.hold_with(account, 3, |request| HoldRequest { binding: Some(binding), ..request }).await
    }
}

fn refusal(refused: Result<Hold, LedgerError>) -> Refusal {
    match refused.unwrap_err() {
        LedgerError::Refused(refusal) => refusal,
        error => panic!("{error}"),
    }
}

async fn exactly_as_many_are_begun_as_the_plan_allows(database: TestDatabase) {
    let processes = processes(&database).await;
    let account = processes[0].account(0, 1_000).await;
    let requests = (0..60).map(|n| {
        let process = &processes[n % 2];
        async move { process.hold_limited(account, 17, 100).await }
    });
    let answers = join_all(requests).await;
    let (begun, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((begun.len(), refused.len()), (17, 43));
    for refused in refused {
        let Refusal::RateLimited(state) = refusal(refused) else { panic!("another refusal") };
        assert_eq!((state.limit, state.remaining, state.reset_ms), (17, 0, 3_600_000));
    }
    for hold in begun.into_iter().flatten() {
        processes[1].fail(hold).await;
    }
    // What was begun stays counted, and what was refused never was.
    let rate = processes[0].wallet(account).await.rate;
    assert_eq!((rate.hour.count, rate.day.count), (17, 17));
    refusal(processes[0].hold_limited(account, 17, 100).await);
    processes[0].assert_verifies().await;
}

async fn a_limit_counts_what_another_process_has_begun(database: TestDatabase) {
    let [one, other] = processes(&database).await;
    let account = one.account(0, 100).await;
    for (process, left) in [(&one, 2), (&other, 1), (&one, 0)] {
        let hold = process.hold_limited(account, 0, 3).await.unwrap();
        let state = hold.rate().state(RateLimits { hourly: 0, daily: 3 }, process.now()).unwrap();
        assert_eq!((state.remaining, state.reset_ms), (left, DAY_MS));
        process.complete(hold).await;
    }
    refusal(other.hold_limited(account, 0, 3).await);
    for process in [&one, &other] {
        process.clock.advance_ms(DAY_MS);
    }
    let hold = other.hold_limited(account, 0, 3).await.unwrap();
    other.complete(hold).await;
    assert_eq!(one.wallet(account).await.rate.day.count, 1);
}

async fn a_budget_is_kept_to_the_token(database: TestDatabase) {
    let processes = processes(&database).await;
    let account = processes[0].account(40, 1_000).await;
    // Whatever fails in between makes room for others, and at no time is more used than 50.
    let work = (0..80).map(|n| {
        let process = &processes[n % 2];
        async move {
            let hold = process.hold_budgeted(account, 7, 50).await.ok()?;
            Some(if n % 3 == 0 { process.fail(hold).await } else { process.complete(hold).await })
        }
    });
    let ended = join_all(work).await.into_iter().flatten();
    let spent: i64 = ended.map(|resolved| resolved.tokens_spent).sum();
    assert!(spent <= 49 && spent % 7 == 0, "{spent}");
    let mut left = 50 - spent;
    while left >= 7 {
        let hold = processes[1].hold_budgeted(account, 7, 50).await.unwrap();
        processes[0].complete(hold).await;
        left -= 7;
    }
    let refused = refusal(processes[0].hold_budgeted(account, 2, 50).await);
    assert_eq!(refused, Refusal::OverKeyBudget { required_tokens: 2, available_tokens: 1 });
    let used =
        database.auditor().await.read("key_uses", &["account_id", "key_id", "month", "used_tokens"]).await;
    assert_eq!(used.len(), 1);
    assert_eq!((used[0][1].as_str(), used[0][3].as_str()), ("1", "49"));
    processes[0].assert_verifies().await;
    let harm = "UPDATE key_uses SET used_tokens = 48";
    database.execute(harm).await.unwrap();
    assert_eq!(processes[0].storage.ledger().verify().await.unwrap().problems.len(), 1);
}

async fn what_fails_gives_the_budget_back_while_the_month_lasts(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 1_000).await;
    let early = bench.hold_budgeted(account, 10, 10).await.unwrap();
    bench.fail(early).await;
    let late = bench.hold_budgeted(account, 10, 10).await.unwrap();
    bench.clock.advance_ms(31 * DAY_MS);
    let next = bench.hold_budgeted(account, 6, 10).await.unwrap();
    bench.fail(late).await;
    assert!(bench.hold_budgeted(account, 5, 10).await.is_err());
    bench.complete(next).await;
    let last = bench.hold_budgeted(account, 4, 10).await.unwrap();
    bench.complete(last).await;
    bench.assert_verifies().await;
}

async fn one_name_begins_one_generation(database: TestDatabase) {
    let processes = processes(&database).await;
    let account = processes[0].account(0, 1_000).await;
    for name in ["a", "b", "c"] {
        let requests = (0..40).map(|n| {
            let process = &processes[n % 2];
            async move { process.hold_named(account, binding(name, 1)).await }
        });
        let (mut begun, mut repeated) = (Vec::new(), Vec::new());
        for answer in join_all(requests).await {
            match answer {
                Ok(hold) => begun.push(hold),
                Err(LedgerError::Bound(id)) => repeated.push(id),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!((begun.len(), repeated.len()), (1, 39));
        let hold = begun.pop().unwrap();
        let id = hold.generation_id();
        assert!(repeated.iter().all(|repeated| *repeated == id));
        let balance_tokens = hold.balance_tokens();
        processes[0].complete(hold).await;
        let found = processes[1].storage.bound_request(account, name).await.unwrap().unwrap();
        assert_eq!((found.generation_id, found.wait_ms, found.answer), (Some(id), Some(5_000), None));
        let record = processes[1].storage.generation(account, id).await.unwrap().unwrap();
        assert_eq!(record.held_balance_tokens, Some(balance_tokens));
        assert_eq!(record.balance_tokens, Some(balance_tokens));
    }
    assert_eq!(processes[0].buckets(account).await, [0, 991, 0, 0]);
    assert_eq!(processes[0].wallet(account).await.rate.day.count, 3);
    processes[0].assert_verifies().await;
}

async fn a_name_is_of_one_request_alone(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let (account, other) = (bench.account(0, 100).await, bench.account(0, 100).await);
    // What is refused binds nothing.
    let dear =
        bench.hold_with(account, 500, |request| HoldRequest { binding: Some(binding("a", 7)), ..request });
    refusal(dear.await);
    assert_eq!(bench.storage.bound_request(account, "a").await.unwrap(), None);
    let hold = bench.hold_named(account, binding("a", 1)).await.unwrap();
    bench.fail(hold).await;
    assert_eq!(refusal(bench.hold_named(account, binding("a", 2)).await), Refusal::BoundOtherwise);
    // Two requests, of which one begins, are two requests, whatever else the transaction holds.
    let both = ["b", "c", "b", "c"].into_iter().zip([1, 1, 2, 1]);
    let answers = join_all(both.map(|(name, what)| bench.hold_named(account, binding(name, what)))).await;
    let begun: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(begun, [true, true, false, false]);
    // Another account's names are its own.
    bench.hold_named(other, binding("a", 2)).await.unwrap().leave_to_job();
}

async fn an_order_and_its_name_are_written_together(database: TestDatabase) {
    let processes = processes(&database).await;
    let bench = &processes[0];
    let account = bench.account(0, 100).await;
    let orders = (0..8).map(|n| {
        let process = &processes[n % 2];
        async move {
            let payment = process.payment(account).await;
            let write = BillingWrite {
                bindings: vec![(account, binding("order", 1), payment.id)],
                new_payments: vec![payment],
                ..BillingWrite::default()
            };
            process.storage.write_billing(write).await.unwrap()
        }
    });
    let written = join_all(orders).await;
    assert_eq!(written.iter().filter(|written| **written).count(), 1);
    assert_eq!(database.auditor().await.read("payments", &["id"]).await.len(), 1);
    let found = bench.storage.bound_request(account, "order").await.unwrap().unwrap();
    assert!(found.payment_id.is_some() && found.generation_id.is_none(), "{found:?}");
    // Neither takes the other's name.
    assert_eq!(refusal(bench.hold_named(account, binding("order", 2)).await), Refusal::BoundOtherwise);
    assert_eq!(refusal(bench.hold_named(account, binding("order", 1)).await), Refusal::BoundOtherwise);
    bench.hold_named(account, binding("chat", 1)).await.unwrap().leave_to_job();
    let payment = bench.payment(account).await;
    let write = BillingWrite {
        bindings: vec![(account, binding("chat", 1), payment.id)],
        new_payments: vec![payment],
        ..BillingWrite::default()
    };
    assert!(!bench.storage.write_billing(write).await.unwrap());
}

async fn the_first_answer_stays(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 1).await;
    let payment = bench.payment(account).await;
    let id = payment.id;
    let keep = async |name: &str, status: u16, failed: Option<PaymentId>| {
        let answer = (status, format!("{status}"));
        bench.storage.keep_answer(account, &binding(name, 1), answer, failed).await.unwrap();
        let found = bench.storage.bound_request(account, name).await.unwrap();
        found.and_then(|found| found.answer).map(|(status, _)| status)
    };
    // A failure has nothing to stand under where no payment was asked for; an answer without a payment does.
    assert_eq!(keep("a", 500, Some(id)).await, None);
    assert_eq!(keep("a", 200, None).await, Some(200));
    assert_eq!(keep("a", 201, None).await, Some(200));
    let bindings = vec![(account, binding("b", 1), id)];
    let write = BillingWrite { bindings, new_payments: vec![payment], ..BillingWrite::default() };
    assert!(bench.storage.write_billing(write).await.unwrap());
    // Somebody else's failure is not this payment's.
    assert_eq!(keep("b", 500, Some(PaymentId(id.0 + 1))).await, None);
    assert_eq!(keep("b", 500, Some(id)).await, Some(500));
    assert_eq!(keep("b", 201, None).await, Some(500));
    // Another request under the name gets no answer of its own, and leaves that of the first alone.
    for (name, what, is_kept) in [("c", 1, true), ("c", 2, false), ("c", 1, false)] {
        let answer = (200, what.to_string());
        let kept = bench.storage.keep_answer(account, &binding(name, what), answer, None).await.unwrap();
        assert_eq!(kept, is_kept, "{name} {what}");
    }
    let found = bench.storage.bound_request(account, "c").await.unwrap().unwrap();
    assert_eq!((found.fingerprint, found.answer), ([1; 32], Some((200, "1".to_owned()))));
}

/// An order does not wait for the wallet's lock, so it may take a name while a hold that bears it is decided on.
async fn an_order_and_a_generation_do_not_share_a_name(database: TestDatabase) {
    let processes = processes(&database).await;
    let account = processes[0].account(0, 1_000).await;
    for round in 0..12 {
        let name = format!("name {round}");
        let (order, answer) = (binding(&name, 1), (200, "{}".to_owned()));
        let order = processes[0].storage.keep_answer(account, &order, answer, None);
        let (kept, held) = tokio::join!(order, processes[1].hold_named(account, binding(&name, 2)));
        match held {
            Ok(hold) => hold.leave_to_job(),
            refused => assert_eq!(refusal(refused), Refusal::BoundOtherwise),
        }
        let found = processes[0].storage.bound_request(account, &name).await.unwrap().unwrap();
        assert_eq!(found.generation_id.is_none(), kept.unwrap(), "{found:?}");
    }
    processes[0].assert_verifies().await;
}

async fn an_account_has_so_many_keys(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 1).await;
    // They end after one, two and three milliseconds.
    for ends_in_ms in 1..=3 {
        bench.key(account, &format!("ending {ends_in_ms}"), Some(ends_in_ms)).await;
    }
    bench.clock.advance_ms(2);
    let made = (0..6).map(|n| {
        let bench = &bench;
        async move {
            let key = bench.new_key(account, &format!("key {n}"), None).await;
            bench.storage.create_key(key, 4).await.unwrap()
        }
    });
    let made = join_all(made).await;
    assert_eq!(
        made.iter().filter(|made| **made == KeyOutcome::Stored).count(),
        3,
        "one of the others is valid still"
    );
}

async fn names_are_forgotten_when_their_time_has_passed(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 100).await;
    for (name, wait_ms) in [("a", 0), ("b", 0), ("c", 1), ("d", DAY_MS)] {
        bench.clock.advance_ms(wait_ms);
        bench.hold_named(account, binding(name, 1)).await.unwrap().leave_to_job();
    }
    let since = bench.now().plus_ms(-DAY_MS);
    let forget = async |limit: u32| bench.storage.forget_bindings(since, limit).await.unwrap();
    assert_eq!((forget(1).await, forget(5).await, forget(5).await), (1, 1, 0));
    for (name, is_kept) in [("a", false), ("b", false), ("c", true), ("d", true)] {
        assert_eq!(bench.storage.bound_request(account, name).await.unwrap().is_some(), is_kept, "{name}");
    }
    // What is forgotten can be begun anew.
    bench.hold_named(account, binding("a", 2)).await.unwrap().leave_to_job();
}

impl Bench {
    /// One with a budget ends after as many milliseconds.
    async fn new_key(&self, account_id: AccountId, hash: &str, budget: Option<i64>) -> NewKey {
        NewKey {
            account_id,
            id: KeyId(self.id().await),
            name: "a key".to_owned(),
            prefix: "nb_1234567".to_owned(),
            key_hash: hash.to_owned(),
            monthly_budget_tokens: budget,
            expires_at: budget.map(|tokens| self.now().plus_ms(tokens)),
            created_at: self.now(),
        }
    }

    async fn key(&self, account_id: AccountId, hash: &str, budget: Option<i64>) -> KeyId {
        let key = self.new_key(account_id, hash, budget).await;
        let id = key.id;
        assert_eq!(self.storage.create_key(key, 100).await.unwrap(), KeyOutcome::Stored);
        id
    }
}

async fn a_key_says_what_it_may(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 100).await;
    for (hash, budget) in [("free", None), ("limited", Some(70))] {
        let id = bench.key(account, hash, budget).await;
        let principal = bench.storage.principal(hash).await.unwrap().unwrap();
        let expires_at = budget.map(|tokens| bench.now().plus_ms(tokens));
        assert_eq!((principal.key_id, principal.key_budget_tokens), (id, budget));
        assert_eq!(principal.key_expires_at, expires_at);
        let record = bench.storage.keys(account).await.unwrap().pop().unwrap();
        assert_eq!((record.id, record.monthly_budget_tokens, record.expires_at), (id, budget, expires_at));
        assert_eq!((record.last_used_at, record.created_at), (None, bench.now()));
    }
}

async fn the_last_use_of_keys_is_noted(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 100).await;
    let (one, other) = (bench.key(account, "a", None).await, bench.key(account, "b", None).await);
    let (early, late) = (bench.now(), bench.now().plus_ms(5_000));
    bench.storage.note_key_uses(&[]).await.unwrap();
    bench.storage.note_key_uses(&[(account, one, late), (account, KeyId(1), late)]).await.unwrap();
    // Another process has seen both a little earlier, and more keys than fit into one statement.
    let many = (0..1_500).map(|n| (AccountId(n), KeyId(n), early));
    let uses: Vec<_> = [(account, one, early), (account, other, early)].into_iter().chain(many).collect();
    bench.storage.note_key_uses(&uses).await.unwrap();
    let keys = bench.storage.keys(account).await.unwrap();
    let used: Vec<_> = keys.iter().map(|key| key.last_used_at).collect();
    assert_eq!(used, [Some(late), Some(early)]);
}

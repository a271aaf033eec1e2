//! Payments, subscriptions and refunds: written whole or not at all, and claimed by one worker at a time.

use crate::support::{Bench, CYCLE_MS};
use domain::{
    billing::{EndReason, Payment, PaymentStatus, RefundStatus, Subscription, SubscriptionStatus, TradeIn},
    id::{CycleId, SubscriptionId},
    port::{Decline, PaymentMethod},
};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use storage::{BillingWrite, NewEvent, PaymentName};
use testkit::TestDatabase;

testkit::on_each_database!(
    rows_are_read_as_they_were_written,
    a_row_that_has_changed_spoils_the_whole,
    a_name_that_is_taken_spoils_the_whole,
    a_subscription_takes_the_place_of_one_that_ends_with_it,
    two_who_decide_at_once_decide_one_after_the_other,
    what_is_due_is_claimed_once,
    a_claim_ends_with_its_lease_or_a_write,
    what_a_person_must_look_at_is_not_claimed,
);

const LEASE_MS: i64 = 60_000;

async fn rows_are_read_as_they_were_written(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 0).await;
    let plain = bench.payment(account).await;
    let full = Payment {
        method: PaymentMethod::TelegramStars,
        status: PaymentStatus::Canceled,
        credit_minor: 4,
        refunded_minor: 5,
        gateway_id: Some("g".to_owned()),
        confirmation_url: Some("https://pay.example/1".to_owned()),
        return_url: Some("https://shop.example".to_owned()),
        receipt_email: Some("ann@example.org".to_owned()),
        saved_method_id: Some("m".to_owned()),
        payer_id: Some("p".to_owned()),
        paid_until: Some(bench.now().plus_ms(CYCLE_MS)),
        replaces: Some((SubscriptionId(7), CycleId(8))),
        trade_in: Some(TradeIn { cycle_id: CycleId(8), tokens: 0, seen: (1, 2) }),
        decline: Some(Decline::MethodGone),
        attention: Some("look".to_owned()),
        checks: 3,
        paid_at: Some(bench.now()),
        due_at: None,
        ..bench.payment(account).await
    };
    let subscription = Subscription {
        saved_method_id: Some("m".to_owned()),
        is_method_gone: true,
        payer_id: Some("p".to_owned()),
        receipt_email: Some("ann@example.org".to_owned()),
        cancel_at_end: true,
        next_plan: Some("pro".to_owned()),
        declines: 2,
        renewal_payment_id: Some(full.id),
        attention: Some("look".to_owned()),
        status: SubscriptionStatus::PastDue,
        ..bench.subscription(account, &plain).await
    };
    let refund = bench.refund(&full).await;
    let write = BillingWrite {
        new_payments: vec![plain.clone(), full.clone()],
        new_subscriptions: vec![subscription.clone()],
        new_refunds: vec![refund.clone()],
        names: vec![(PaymentName::gateway(full.method, "g"), account, full.id)],
        events: vec![NewEvent {
            id: bench.id().await,
            account_id: account,
            event_type: "payment.failed",
            data: "{}".to_owned(),
        }],
        ..BillingWrite::default()
    };
    assert!(bench.storage.write_billing(write).await.unwrap());
    for payment in [plain, full.clone()] {
        let found = bench.storage.payment(account, payment.id).await.unwrap().unwrap();
        assert_eq!(found, Payment { version: 1, ..payment });
    }
    let found = bench.storage.payment_by_name(&PaymentName::gateway(full.method, "g")).await.unwrap();
    assert_eq!(found.unwrap().id, full.id);
    let other = PaymentName::gateway(PaymentMethod::Yookassa, "g");
    assert_eq!(bench.storage.payment_by_name(&other).await.unwrap(), None);
    let found = bench.storage.live_subscription(account).await.unwrap().unwrap();
    assert_eq!(found, Subscription { version: 1, ..subscription });
    let found = bench.storage.refunds(account, Some(full.id)).await.unwrap();
    assert_eq!(found, [domain::billing::Refund { version: 1, ..refund }]);
}

async fn a_row_that_has_changed_spoils_the_whole(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 0).await;
    let payment = written(&bench, bench.payment(account).await).await;
    let pending = Payment { status: PaymentStatus::Pending, ..payment.clone() };
    assert!(write_one(&bench, pending).await);
    // Whoever read before that writes nothing any more, and nothing that goes with it.
    let late = Payment { status: PaymentStatus::Canceled, ..payment.clone() };
    let refund = bench.refund(&payment).await;
    let spoiled = BillingWrite {
        payments: vec![late],
        new_refunds: vec![refund.clone()],
        names: vec![(PaymentName::reference("late"), account, payment.id)],
        ..BillingWrite::default()
    };
    assert!(!bench.storage.write_billing(spoiled).await.unwrap());
    let found = bench.storage.payment(account, payment.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.version), (PaymentStatus::Pending, 2));
    assert_eq!(bench.storage.refund(account, refund.id).await.unwrap(), None);
    let name = PaymentName::reference("late");
    assert_eq!(bench.storage.payment_by_name(&name).await.unwrap(), None);
    // A row that is not there has changed too.
    assert!(!write_one(&bench, bench.payment(account).await).await);
}

async fn a_name_that_is_taken_spoils_the_whole(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let (ann, bob) = (bench.account(0, 0).await, bench.account(0, 0).await);
    let (first, second) = (bench.payment(ann).await, bench.payment(bob).await);
    let name = PaymentName::gateway(PaymentMethod::TelegramStars, "charge-1");
    let write = |payment: &Payment| BillingWrite {
        new_payments: vec![payment.clone()],
        names: vec![(name.clone(), payment.account_id, payment.id)],
        ..BillingWrite::default()
    };
    assert!(bench.storage.write_billing(write(&first)).await.unwrap());
    assert!(!bench.storage.write_billing(write(&second)).await.unwrap());
    assert!(!bench.storage.write_billing(write(&first)).await.unwrap(), "a repeat");
    assert_eq!(bench.storage.payment_by_name(&name).await.unwrap().unwrap().id, first.id);
    assert_eq!(bench.storage.payment(bob, second.id).await.unwrap(), None);
}

async fn a_subscription_takes_the_place_of_one_that_ends_with_it(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 0).await;
    let payment = bench.payment(account).await;
    let (first, second) =
        (bench.subscription(account, &payment).await, bench.subscription(account, &payment).await);
    let start = |subscription: &Subscription| BillingWrite {
        new_subscriptions: vec![subscription.clone()],
        ..BillingWrite::default()
    };
    assert!(bench.storage.write_billing(start(&first)).await.unwrap());
    assert!(!bench.storage.write_billing(start(&second)).await.unwrap(), "there is a live one");
    let ended = Subscription {
        version: 1,
        status: SubscriptionStatus::Ended,
        end_reason: Some(EndReason::Replaced),
        due_at: None,
        ..first.clone()
    };
    let swap = BillingWrite { subscriptions: vec![ended], ..start(&second) };
    assert!(bench.storage.write_billing(swap).await.unwrap());
    assert_eq!(bench.storage.live_subscription(account).await.unwrap().unwrap().id, second.id);
    let found = bench.storage.subscription(account, first.id).await.unwrap().unwrap();
    assert_eq!(found.end_reason, Some(EndReason::Replaced));
}

async fn two_who_decide_at_once_decide_one_after_the_other(database: TestDatabase) {
    let processes = [Bench::new(&database).await, Bench::new(&database).await];
    let account = processes[0].account(0, 0).await;
    let mut payment = written(&processes[0], processes[0].payment(account).await).await;
    for round in 0..10 {
        let tries = (0..8_usize).map(|n| {
            let (process, payment) = (&processes[n % 2], payment.clone());
            write_one(process, Payment { checks: round, ..payment })
        });
        let written = join_all(tries).await.into_iter().filter(|is_written| *is_written).count();
        assert_eq!(written, 1, "round {round}");
        let version = payment.version + 1;
        payment = processes[0].storage.payment(account, payment.id).await.unwrap().unwrap();
        assert_eq!((payment.version, payment.checks), (version, round));
    }
}

async fn what_is_due_is_claimed_once(database: TestDatabase) {
    let processes = [Bench::new(&database).await, Bench::new(&database).await];
    let bench = &processes[0];
    let mut write = BillingWrite::default();
    let mut expected = BTreeSet::new();
    for n in 0..30 {
        let account = bench.account(0, 0).await;
        let payment = bench.payment(account).await;
        // Some are due later, and some never again.
        let due_at = match n % 6 {
            0 => Some(bench.now().plus_ms(1)),
            1 => None,
            _ => Some(bench.now()),
        };
        let subscription = Subscription { due_at, ..bench.subscription(account, &payment).await };
        if n % 6 > 1 {
            expected.extend([payment.id.0, subscription.id.0]);
        }
        write.new_payments.push(Payment { due_at, ..payment });
        write.new_subscriptions.push(subscription);
    }
    assert!(bench.storage.write_billing(write).await.unwrap());
    let until = bench.now().plus_ms(LEASE_MS);
    let claims = (0..10_usize).map(|n| {
        let storage = &processes[n % 2].storage;
        async move {
            let payments = storage.claim_payments(bench.now(), until, 4).await.unwrap();
            let subscriptions = storage.claim_subscriptions(bench.now(), until, 4).await.unwrap();
            assert!(payments.len() <= 4 && subscriptions.len() <= 4);
            let payments = payments.into_iter().map(|payment| payment.id.0);
            payments.chain(subscriptions.into_iter().map(|s| s.id.0)).collect::<Vec<_>>()
        }
    });
    let claimed: Vec<i64> = join_all(claims).await.into_iter().flatten().collect();
    assert_eq!(claimed.len(), expected.len(), "no row is claimed twice");
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), expected);
}

async fn a_claim_ends_with_its_lease_or_a_write(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 0).await;
    let payment = bench.payment(account).await;
    let refund = bench.refund(&payment).await;
    let write = BillingWrite { new_refunds: vec![refund], ..BillingWrite::default() };
    assert!(bench.storage.write_billing(write).await.unwrap());
    let claim = || async {
        let until = bench.now().plus_ms(LEASE_MS);
        bench.storage.claim_refunds(bench.now(), until, 10).await.unwrap()
    };
    let [first] = claim().await.try_into().unwrap();
    bench.clock.advance_ms(LEASE_MS - 1);
    assert_eq!(claim().await, [], "it is leased");
    bench.clock.advance_ms(1);
    let [second] = claim().await.try_into().unwrap();
    assert_eq!(second.version, first.version + 1);
    // The first one was too slow.
    let taken = |refund| domain::billing::Refund { status: RefundStatus::Taken, ..refund };
    let write = |refund| BillingWrite { refunds: vec![taken(refund)], ..BillingWrite::default() };
    assert!(!bench.storage.write_billing(write(first)).await.unwrap());
    assert!(bench.storage.write_billing(write(second)).await.unwrap());
    let [third] = claim().await.try_into().unwrap();
    assert_eq!(third.status, RefundStatus::Taken, "who writes gives it back");
}

async fn what_a_person_must_look_at_is_not_claimed(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 0).await;
    let payment = bench.payment(account).await;
    let payment = written(&bench, Payment { attention: Some("look".to_owned()), ..payment }).await;
    let until = bench.now().plus_ms(LEASE_MS);
    assert_eq!(bench.storage.claim_payments(bench.now(), until, 10).await.unwrap(), []);
    assert!(write_one(&bench, Payment { attention: None, ..payment }).await);
    assert_eq!(bench.storage.claim_payments(bench.now(), until, 10).await.unwrap().len(), 1);
}

/// A new payment, as it is when it is written.
async fn written(bench: &Bench, payment: Payment) -> Payment {
    let write = BillingWrite { new_payments: vec![payment.clone()], ..BillingWrite::default() };
    assert!(bench.storage.write_billing(write).await.unwrap());
    bench.storage.payment(payment.account_id, payment.id).await.unwrap().unwrap()
}

async fn write_one(bench: &Bench, payment: Payment) -> bool {
    let write = BillingWrite { payments: vec![payment], ..BillingWrite::default() };
    bench.storage.write_billing(write).await.unwrap()
}

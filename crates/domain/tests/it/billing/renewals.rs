//! What is to be done about a subscription, and when.

use super::day;
use domain::{
    billing::{
        EndReason, Money, Payment, PaymentKind, Purchase, RenewalRules, STARS_PERIOD_MS, Step, Subscription,
        SubscriptionStatus, cycle_window,
    },
    id::{AccountId, CycleId, PaymentId, SubscriptionId},
    port::PaymentMethod,
    time::{DAY_MS, Timestamp},
};
use proptest::prelude::*;

/// A day ahead; again a day, three and five days after that; five days of grace.
fn rules() -> RenewalRules {
    RenewalRules {
        ahead_ms: DAY_MS,
        retries_ms: vec![DAY_MS, 3 * DAY_MS, 5 * DAY_MS],
        grace_ms: 5 * DAY_MS,
        stars_grace_ms: 2 * DAY_MS,
    }
}

/// One that began on 31 January 2027 and is in its first cycle, which ends on 28 February.
fn subscription() -> Subscription {
    let anchor = day("2027-01-31");
    let purchase = Purchase { kind: PaymentKind::Subscription, item: "basic".to_owned(), tokens: 300 };
    let (account_id, id, price) = (AccountId(1), PaymentId(4), Money::kopecks(89_000));
    let method = PaymentMethod::Yookassa;
    let payment = Payment {
        subscription_id: Some(SubscriptionId(2)),
        cycle_id: Some(CycleId(3)),
        saved_method_id: Some("card".to_owned()),
        ..Payment::new(account_id, id, purchase, method, price, "reference".to_owned(), anchor)
    };
    Subscription::begin(&payment, anchor, cycle_window(anchor, 0).unwrap(), anchor).unwrap()
}

fn check(subscription: &Subscription, now: Timestamp, expected: Step) {
    assert_eq!(subscription.step(&rules(), now), expected, "at {now}: {subscription:?}");
}

const NEXT: Step = Step::Charge { cycle_index: 1 };
const UNPAID: Step = Step::End(EndReason::Unpaid);
const CANCELED: Step = Step::End(EndReason::Canceled);

#[test]
fn the_next_cycle_is_charged_ahead() {
    let ahead = day("2027-02-27");
    let subscription = subscription();
    check(&subscription, day("2027-01-31"), Step::Wait(ahead));
    check(&subscription, ahead.plus_ms(-1), Step::Wait(ahead));
    check(&subscription, ahead, NEXT);
    check(&subscription, day("2027-02-28"), NEXT);
}

#[test]
fn a_worker_that_slept_charges_the_cycle_that_runs() {
    let subscription = subscription();
    for (now, cycle_index) in [
        ("2027-03-02", 1),
        ("2027-03-30", 1),
        ("2027-03-31", 2),
        ("2027-04-29", 2),
        ("2027-04-30", 3),
        ("2029-02-28", 25),
    ] {
        check(&subscription, day(now), Step::Charge { cycle_index });
    }
}

#[test]
fn declined_charges_are_tried_again_as_long_as_the_plan_is_kept() {
    let grace_end = day("2027-03-05");
    for (declines, at) in [(1, "2027-02-28"), (2, "2027-03-02"), (3, "2027-03-04")] {
        let subscription = Subscription { declines, status: SubscriptionStatus::PastDue, ..subscription() };
        let at = day(at);
        check(&subscription, at.plus_ms(-1), Step::Wait(at));
        check(&subscription, at, NEXT);
        check(&subscription, grace_end.plus_ms(-1), NEXT);
        // However long nobody looked: without a plan nobody is charged again.
        for later in [grace_end, day("2027-04-15"), day("2029-01-01")] {
            check(&subscription, later, UNPAID);
        }
    }
    // No retry is left.
    for declines in [4, 5, 100, i64::MAX] {
        let subscription = Subscription { declines, ..subscription() };
        check(&subscription, day("2027-03-04"), Step::Wait(grace_end));
        check(&subscription, grace_end, UNPAID);
    }
}

#[test]
fn a_retry_beyond_the_grace_is_not_made() {
    let rules = RenewalRules { grace_ms: 2 * DAY_MS, ..rules() };
    let subscription = Subscription { declines: 3, ..subscription() };
    let grace_end = day("2027-03-02");
    assert_eq!(subscription.step(&rules, day("2027-02-28")), Step::Wait(grace_end));
    assert_eq!(subscription.step(&rules, grace_end), UNPAID);
}

#[test]
fn a_method_that_is_gone_is_not_charged() {
    let grace_end = day("2027-03-05");
    for declines in [0, 1] {
        let subscription = Subscription { is_method_gone: true, declines, ..subscription() };
        check(&subscription, day("2027-02-27"), Step::Wait(grace_end));
        check(&subscription, grace_end.plus_ms(-1), Step::Wait(grace_end));
        check(&subscription, grace_end, UNPAID);
    }
}

#[test]
fn one_that_is_canceled_ends_with_its_cycle() {
    let end = day("2027-02-28");
    for declines in [0, 2] {
        let subscription = Subscription { cancel_at_end: true, declines, ..subscription() };
        check(&subscription, day("2027-02-27"), Step::Wait(end));
        check(&subscription, end.plus_ms(-1), Step::Wait(end));
        check(&subscription, end, CANCELED);
        check(&subscription, day("2028-01-01"), CANCELED);
        assert_eq!(subscription.plan_until(&rules()), end);
    }
    let kept = subscription();
    assert_eq!(kept.plan_until(&rules()), day("2027-03-05"));
}

#[test]
fn telegram_renews_by_itself() {
    let mut stars = Subscription { method: PaymentMethod::TelegramStars, ..subscription() };
    stars.window.ends_at = stars.anchor.plus_ms(STARS_PERIOD_MS);
    let grace_end = day("2027-03-04");
    // Its word comes late at times; nothing is ever charged by us.
    for now in ["2027-02-27", "2027-03-02", "2027-03-03"] {
        check(&stars, day(now), Step::Wait(grace_end));
    }
    check(&stars, grace_end, UNPAID);
    assert_eq!(stars.plan_until(&rules()), grace_end);
    // Nothing more is waited for when it was told not to.
    stars.cancel_at_end = true;
    let end = day("2027-03-02");
    check(&stars, end.plus_ms(-1), Step::Wait(end));
    check(&stars, end, CANCELED);
    assert_eq!(stars.plan_until(&rules()), end, "the plan ends with what is paid");
}

fn any_subscription() -> impl Strategy<Value = Subscription> {
    (0_i64..40, 0_i64..6, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(cycle_index, declines, is_method_gone, cancel_at_end, is_stars)| {
            let subscription = subscription();
            let method = if is_stars { PaymentMethod::TelegramStars } else { PaymentMethod::Yookassa };
            let window = cycle_window(subscription.anchor, cycle_index).unwrap();
            Subscription {
                cycle_index,
                window,
                declines,
                is_method_gone,
                cancel_at_end,
                method,
                ..subscription
            }
        },
    )
}

proptest! {
    /// Whatever is waited for lies ahead, what follows is the same whenever it is looked at meanwhile, and a charge is for a
    /// later cycle than the one that is paid, and never for one that has passed.
    #[test]
    fn steps_go_forward(subscription in any_subscription(), after_ms in -40 * DAY_MS..400 * DAY_MS, part in 0_i64..100) {
        let now = subscription.window.ends_at.plus_ms(after_ms);
        match subscription.step(&rules(), now) {
            Step::Wait(until) => {
                prop_assert!(until > now);
                let between = now.plus_ms((until.ms_since(now) - 1) * part / 100);
                prop_assert_eq!(subscription.step(&rules(), between), Step::Wait(until));
                prop_assert!(!matches!(subscription.step(&rules(), until), Step::Wait(_)));
            }
            Step::Charge { cycle_index } => {
                prop_assert!(cycle_index > subscription.cycle_index);
                prop_assert!(subscription.window_of(cycle_index).unwrap().ends_at > now);
                prop_assert!(!subscription.cancel_at_end && !subscription.is_method_gone);
                prop_assert_eq!(subscription.method, PaymentMethod::Yookassa);
            }
            // Not before the account has lost the plan.
            Step::End(_) => prop_assert!(now >= subscription.plan_until(&rules())),
        }
    }
}

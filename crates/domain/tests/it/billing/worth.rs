//! What paid things are still worth.

use super::day;
use crate::CATALOG;
use domain::{
    billing::{CycleWindow, Unused, package_refund},
    plan::Plan,
    time::{DAY_MS, Timestamp},
};
use proptest::prelude::*;

/// 30 days from 1 June, at 890 roubles for 300 tokens.
fn basic(free_tokens: i64) -> Unused {
    let window = CycleWindow { starts_at: day("2027-06-01"), ends_at: day("2027-07-01") };
    Unused { price_kopecks: 89_000, window, allowance_tokens: 300, free_tokens }
}

#[test]
fn worth_goes_by_what_is_left_less_of_time_or_tokens() {
    for (free, now, kopecks) in [
        (300, "2027-06-01", 89_000),
        (300, "2027-06-16", 44_500),
        (300, "2027-06-30", 2_966),
        (300, "2027-07-01", 0),
        (300, "2028-01-01", 0),
        // A clock that runs behind makes nothing dearer.
        (300, "2027-05-01", 89_000),
        (299, "2027-06-01", 88_703),
        (150, "2027-06-01", 44_500),
        (150, "2027-06-11", 44_500),
        (150, "2027-06-21", 29_666),
        (1, "2027-06-01", 296),
        (0, "2027-06-01", 0),
        // What cannot be is worth no more than what was paid.
        (-1, "2027-06-01", 0),
        (301, "2027-06-01", 89_000),
        (i64::MAX, "2027-06-01", 89_000),
    ] {
        assert_eq!(basic(free).worth_kopecks(day(now)), kopecks, "{free} tokens on {now}");
    }
}

#[test]
fn what_has_no_length_or_no_tokens_is_worth_nothing() {
    let start = day("2027-06-01");
    for ends_at in [start, start.plus_ms(-1), start.plus_ms(-DAY_MS), Timestamp::from_unix_ms(i64::MIN)] {
        let window = CycleWindow { starts_at: start, ends_at };
        for now in [start, ends_at, start.plus_ms(-DAY_MS / 2)] {
            assert_eq!(Unused { window, ..basic(300) }.worth_kopecks(now), 0, "until {ends_at}");
        }
    }
    for allowance_tokens in [0, -1, i64::MIN] {
        assert_eq!(Unused { allowance_tokens, ..basic(300) }.worth_kopecks(start), 0);
    }
    assert_eq!(Unused { price_kopecks: -5, ..basic(300) }.worth_kopecks(start), 0);
    let dear = Unused { price_kopecks: i64::MAX, ..basic(300) };
    assert_eq!(dear.worth_kopecks(start), i64::MAX);
}

#[test]
fn a_package_is_refunded_by_its_tokens() {
    for (price, tokens, free, refund) in [
        (44_900, 100, 100, 44_900),
        (44_900, 100, 99, 44_451),
        (44_900, 100, 1, 449),
        (44_900, 100, 0, 0),
        (24_900, 50, 33, 16_434),
        (24_900, 50, 60, 24_900),
        (225, 100, 50, 112),
        (225, 0, 0, 0),
        (225, -1, 5, 0),
    ] {
        assert_eq!(package_refund(price, tokens, free), refund, "{free} of {tokens} at {price}");
    }
}

/// Plans that are sold by the month, lowest first.
fn ladder() -> Vec<&'static Plan> {
    CATALOG.plans().iter().filter(|plan| plan.recurring).collect()
}

proptest! {
    #[test]
    fn worth_only_falls(
        price in 0_i64..1_000_000,
        allowance in 1_i64..10_000,
        length_ms in 1..60 * DAY_MS,
        at in prop::array::uniform2(-DAY_MS..61 * DAY_MS),
        free in prop::array::uniform2(0_i64..11_000),
    ) {
        let start = day("2027-06-01");
        let window = CycleWindow { starts_at: start, ends_at: start.plus_ms(length_ms) };
        let worth = |at: i64, free_tokens: i64| {
            let unused = Unused { price_kopecks: price, window, allowance_tokens: allowance, free_tokens };
            unused.worth_kopecks(start.plus_ms(at))
        };
        let (sooner, later) = (at[0].min(at[1]), at[0].max(at[1]));
        let (fewer, more) = (free[0].min(free[1]), free[0].max(free[1]));
        prop_assert!(worth(sooner, more) >= worth(later, more));
        prop_assert!(worth(later, more) >= worth(later, fewer));
        prop_assert!((0..=price).contains(&worth(sooner, more)));
    }

    /// Two refunds of one package never give more back than one of both parts.
    #[test]
    fn refunds_in_parts_give_no_more(price in 1_i64..10_000_000, tokens in 1_i64..20_000, cut in 0_i64..100, spent in 0_i64..100) {
        let free = tokens * (100 - spent) / 100;
        let first = free * cut / 100;
        let in_parts = package_refund(price, tokens, first) + package_refund(price, tokens, free - first);
        prop_assert!(in_parts <= package_refund(price, tokens, free));
    }

    /// Climbing all plans, with any use on the way: the money that comes in covers the tokens that were used, at the price
    /// of the plan they came with, and the last plan whole.
    #[test]
    fn climbing_all_plans_buys_no_more_than_it_costs(
        used_percent in prop::collection::vec(0_i64..=100, 4),
        held_percent in prop::collection::vec(0_i64..=30, 4),
        pauses_ms in prop::collection::vec(prop_oneof![0..DAY_MS / 4, 0..40 * DAY_MS], 4),
    ) {
        let mut now = day("2027-06-01");
        // Kopecks, times the product of all allowances so that shares are whole.
        let unit: i128 = ladder().iter().map(|plan| i128::from(plan.tokens)).product();
        let (mut paid, mut used_worth, mut credit) = (0_i128, 0_i128, 0);
        for (step, plan) in ladder().into_iter().enumerate() {
            let price = plan.price * 100;
            prop_assert!(credit < price, "there is something to pay");
            paid += i128::from(price - credit) * unit;
            let used = plan.tokens * used_percent[step] / 100;
            // What is in holds is not set aside, and may yet be used.
            let held = (plan.tokens - used) * held_percent[step] / 100;
            used_worth += i128::from(used + held) * i128::from(price) * unit / i128::from(plan.tokens);
            let window = CycleWindow { starts_at: now, ends_at: now.plus_months(1).unwrap() };
            now = now.plus_ms(pauses_ms[step]);
            let free_tokens = plan.tokens - used - held;
            credit = Unused { price_kopecks: price, window, allowance_tokens: plan.tokens, free_tokens }.worth_kopecks(now);
        }
        // The credit left at the end is what the last plan is still worth.
        prop_assert!(paid >= used_worth + i128::from(credit) * unit);
    }
}

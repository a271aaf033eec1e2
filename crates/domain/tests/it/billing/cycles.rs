//! Cycles of a subscription: each is reckoned from the anchor.

use super::day;
use domain::{
    billing::{cycle_index_at, cycle_window},
    time::{DAY_MS, Timestamp},
};
use proptest::prelude::*;

/// Where the cycles from the anchor on start, as days.
fn check(anchor: &str, starts: &[&str]) {
    let (anchor, starts): (_, Vec<Timestamp>) =
        (day(anchor), starts.iter().map(|start| day(start)).collect());
    for (index, pair) in (0..).zip(starts.windows(2)) {
        let window = cycle_window(anchor, index).unwrap();
        assert_eq!((window.starts_at, window.ends_at), (pair[0], pair[1]), "cycle {index} from {anchor}");
    }
}

#[test]
fn a_month_without_that_day_ends_on_its_last_one() {
    check(
        "2027-01-31",
        &["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30"],
    );
    check("2028-01-31", &["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]);
    check("2028-01-30", &["2028-01-30", "2028-02-29", "2028-03-30"]);
    check(
        "2027-10-31",
        &["2027-10-31", "2027-11-30", "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"],
    );
    check("2026-11-22", &["2026-11-22", "2026-12-22", "2027-01-22", "2027-02-22"]);
}

#[test]
fn a_leap_day_comes_back() {
    let anchor = day("2028-02-29");
    for (index, start) in
        [(12, "2029-02-28"), (13, "2029-03-29"), (36, "2031-02-28"), (48, "2032-02-29"), (1200, "2128-02-29")]
    {
        assert_eq!(cycle_window(anchor, index).unwrap().starts_at, day(start), "{index}");
    }
}

#[test]
fn there_are_no_cycles_before_the_anchor_or_beyond_the_calendar() {
    let anchor = day("2027-01-31");
    for index in [-1, i64::MIN, i64::from(u32::MAX), i64::MAX] {
        assert_eq!(cycle_window(anchor, index), None, "{index}");
    }
    assert_eq!(cycle_index_at(anchor, anchor.plus_ms(-1)), Some(0));
    assert_eq!(cycle_index_at(anchor, Timestamp::from_unix_ms(i64::MAX)), None);
}

/// An instant of the years 2020 to 2060, to the millisecond; often at a month's end.
fn anchor() -> impl Strategy<Value = Timestamp> {
    let any = day("2020-01-01").unix_ms()..day("2060-01-01").unix_ms();
    let month_end = (0_u32..480, 0..DAY_MS)
        .prop_map(|(months, ms)| day("2020-02-01").plus_months(months).unwrap().plus_ms(-1 - ms));
    prop_oneof![any.prop_map(Timestamp::from_unix_ms), month_end]
}

/// Day of the month, and milliseconds of the day.
fn parts(at: Timestamp) -> (u32, i64) {
    let text = at.to_string();
    (text[8..10].parse().unwrap(), at.unix_ms().rem_euclid(DAY_MS))
}

proptest! {
    #[test]
    fn cycles_have_no_gap_and_never_drift(anchor in anchor(), index in 0_i64..600) {
        let window = cycle_window(anchor, index).unwrap();
        let next = cycle_window(anchor, index + 1).unwrap();
        prop_assert_eq!(window.ends_at, next.starts_at);
        let length = window.ends_at.ms_since(window.starts_at);
        prop_assert!((28 * DAY_MS..=31 * DAY_MS).contains(&length), "{length}");
        // The same hour, and the same day wherever the month has it.
        let (of_anchor, of_start) = (parts(anchor), parts(window.starts_at));
        prop_assert_eq!(of_start.1, of_anchor.1);
        let is_month_end = parts(window.starts_at.plus_ms(DAY_MS)).0 == 1;
        prop_assert!(of_start.0 == of_anchor.0 || (of_start.0 < of_anchor.0 && is_month_end), "{of_start:?}");
        // A year on is the same calendar month.
        let year = cycle_window(anchor, index + 12).unwrap().starts_at;
        prop_assert_eq!(&year.to_string()[5..7], &window.starts_at.to_string()[5..7]);
    }

    #[test]
    fn the_running_cycle_is_found_as_a_linear_search_finds_it(
        anchor in anchor(),
        after_ms in prop_oneof![0..DAY_MS * 60, 0..DAY_MS * 365 * 30],
    ) {
        let now = anchor.plus_ms(after_ms);
        let found = (0..).find(|index| now < cycle_window(anchor, *index).unwrap().ends_at);
        prop_assert_eq!(cycle_index_at(anchor, now), found);
    }

    #[test]
    fn an_instant_belongs_to_the_cycle_that_starts_with_it(anchor in anchor(), index in 0_i64..600) {
        let window = cycle_window(anchor, index).unwrap();
        prop_assert_eq!(cycle_index_at(anchor, window.starts_at), Some(index));
        prop_assert_eq!(cycle_index_at(anchor, window.ends_at.plus_ms(-1)), Some(index));
        prop_assert_eq!(cycle_index_at(anchor, window.ends_at), Some(index + 1));
    }
}

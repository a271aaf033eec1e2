//! Instants, months and days.

use domain::time::{DAY_MS, Day, Timestamp};

/// The instant that many milliseconds into a day.
fn at(day: &str, ms: i64) -> Timestamp {
    Day::parse(day).unwrap().starts_at().plus_ms(ms)
}

#[test]
fn months_keep_the_day_where_there_is_one() {
    let check = |from: &str, months: u32, to: &str| {
        let noon = DAY_MS / 2 + 1;
        assert_eq!(at(from, noon).plus_months(months), Some(at(to, noon)), "{from} + {months}");
    };
    check("2026-01-15", 1, "2026-02-15");
    check("2026-01-31", 1, "2026-02-28");
    check("2028-01-31", 1, "2028-02-29");
    check("2026-01-31", 2, "2026-03-31");
    check("2026-01-31", 3, "2026-04-30");
    check("2026-12-31", 1, "2027-01-31");
    check("2028-02-29", 12, "2029-02-28");
    check("2028-02-29", 48, "2032-02-29");
    check("2100-01-31", 1, "2100-02-28");
    check("2026-05-05", 0, "2026-05-05");
}

#[test]
fn months_counted_from_the_anchor_do_not_drift() {
    let anchor = at("2026-01-31", 0);
    let days: Vec<String> =
        (1..=4).map(|months| anchor.plus_months(months).unwrap().to_string()[..10].to_owned()).collect();
    assert_eq!(days, ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]);
}

#[test]
fn the_ends_of_the_range() {
    let (first, last) = (Timestamp::from_unix_ms(i64::MIN), Timestamp::from_unix_ms(i64::MAX));
    assert_eq!(last.plus_ms(1), last);
    assert_eq!(first.plus_ms(-1), first);
    assert_eq!(last.ms_since(first), i64::MAX);
    assert_eq!(last.plus_months(1), None);
    assert_eq!(last.to_string(), "9223372036854775807 ms");
    assert_eq!(at("2026-01-01", 0).plus_months(u32::MAX), None);
}

#[test]
fn an_instant_is_shown_as_rfc_3339() {
    let check = |unix_ms: i64, text: &str| {
        let instant = Timestamp::from_unix_ms(unix_ms);
        assert_eq!(instant.to_string(), text);
        assert_eq!(serde_json::to_value(instant).unwrap(), text);
    };
    check(0, "1970-01-01T00:00:00Z");
    check(1, "1970-01-01T00:00:00.001Z");
    check(-1, "1969-12-31T23:59:59.999Z");
    check(1_775_606_400_000, "2026-04-08T00:00:00Z");
}

#[test]
fn days() {
    let check = |text: &str, is_day: bool| {
        assert_eq!(Day::parse(text).map(|day| day.to_string()), is_day.then(|| text.to_owned()));
    };
    check("2026-11-30", true);
    check("2028-02-29", true);
    check("2026-02-29", false);
    check("2026-11-31", false);
    check("2026-11-30T00:00:00Z", false);
    check("30.11.2026", false);
    check("", false);
    let day = Day::parse("2026-11-30").unwrap();
    assert_eq!(day.starts_at().unix_ms() % DAY_MS, 0);
    assert!(!day.has_passed(day.starts_at()));
    assert!(!day.has_passed(day.starts_at().plus_ms(DAY_MS - 1)));
    assert!(day.has_passed(day.starts_at().plus_ms(DAY_MS)));
}

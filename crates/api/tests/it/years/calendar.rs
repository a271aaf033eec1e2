//! A calendar of its own, so that the app's is not held against itself. Days are counted from 1970-01-01, UTC.

const DAY_MS: i64 = 86_400_000;
const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// `at_ms` so many calendar months later, at the same time of day: on the same day of the month, or on its last one.
pub(super) fn months_later(at_ms: i64, months: i64) -> i64 {
    let (mut year, mut month, day) = date(at_ms.div_euclid(DAY_MS));
    for _ in 0..months {
        month += 1;
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
    let day = day.min(days_in(year, month));
    days_before(year, month) * DAY_MS + (day - 1) * DAY_MS + at_ms.rem_euclid(DAY_MS)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    let days = DAYS[usize::try_from(month - 1).unwrap()];
    if month == 2 && is_leap(year) { days + 1 } else { days }
}

/// Days from 1970-01-01 to the first of a month.
fn days_before(year: i64, month: i64) -> i64 {
    let years: i64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    years + (1..month).map(|month| days_in(year, month)).sum::<i64>()
}

/// Year, month and day of the month.
fn date(mut days: i64) -> (i64, i64, i64) {
    let (mut year, mut month) = (1970, 1);
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
    (year, month, days + 1)
}

#[test]
fn the_calendar_knows_leap_years_and_ends_of_months() {
    let noon = |year, month, day| (days_before(year, month) + day - 1) * DAY_MS + DAY_MS / 2;
    for (from, months, to) in [
        ((2027, 1, 31), 1, (2027, 2, 28)),
        ((2027, 1, 31), 2, (2027, 3, 31)),
        ((2028, 1, 31), 1, (2028, 2, 29)),
        ((2028, 2, 29), 12, (2029, 2, 28)),
        ((2026, 11, 22), 1, (2026, 12, 22)),
        ((2026, 11, 30), 15, (2028, 2, 29)),
    ] {
        assert_eq!(months_later(noon(from.0, from.1, from.2), months), noon(to.0, to.1, to.2), "{from:?}");
    }
    // 2026-11-22T00:00:00Z
    assert_eq!(days_before(2026, 11) * DAY_MS + 21 * DAY_MS, 1_795_305_600_000);
}

//! Instants and dates, as integers.

use chrono::{DateTime, Datelike, Months, NaiveDate, SecondsFormat, Utc};
use std::fmt;

/// Milliseconds in a day.
pub const DAY_MS: i64 = 86_400_000;

/// An instant in milliseconds since the Unix epoch, UTC. Shown as RFC 3339 with `Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_ms: i64,
}

impl Timestamp {
    /// The instant that many milliseconds after the epoch.
    pub const fn from_unix_ms(unix_ms: i64) -> Self {
        Self { unix_ms }
    }

    /// Reads RFC 3339, in whatever offset; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let instant = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self { unix_ms: instant.timestamp_millis() })
    }

    /// Milliseconds since the epoch.
    pub const fn unix_ms(self) -> i64 {
        self.unix_ms
    }

    /// This instant moved by `ms`, which may be negative; stops at the ends of the range.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self { unix_ms: self.unix_ms.saturating_add(ms) }
    }

    /// Milliseconds from `earlier` to this instant; negative when `earlier` is later.
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.unix_ms.saturating_sub(earlier.unix_ms)
    }

    /// This instant `months` calendar months later, clamped to the end of the month (31 January plus one is
    /// 28 or 29 February). `None` past the calendar's end.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Option<Self> {
        let moved = self.datetime()?.checked_add_months(Months::new(months))?;
        Some(Self { unix_ms: moved.timestamp_millis() })
    }

    fn datetime(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.unix_ms)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.datetime() {
            Some(datetime) => f.write_str(&datetime.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => write!(f, "{} ms", self.unix_ms),
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A calendar month, UTC, counted from the year 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(pub i64);

impl Month {
    /// The month of an instant; the first of all for one beyond the calendar.
    pub fn of(instant: Timestamp) -> Self {
        let months = |at: DateTime<Utc>| {
            i64::from(at.year()).saturating_mul(12).saturating_add(i64::from(at.month0()))
        };
        Self(instant.datetime().map_or(0, months))
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A calendar day, UTC, written `2026-11-30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    starts_at: Timestamp,
}

impl Day {
    /// Reads `YYYY-MM-DD`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        let unix_ms = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis();
        Some(Self { starts_at: Timestamp::from_unix_ms(unix_ms) })
    }

    /// The day of an instant.
    pub const fn of(instant: Timestamp) -> Self {
        let since_midnight_ms = instant.unix_ms.rem_euclid(DAY_MS);
        Self { starts_at: instant.plus_ms(since_midnight_ms.saturating_neg()) }
    }

    /// The day that many days later, or earlier.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        Self { starts_at: self.starts_at.plus_ms(days.saturating_mul(DAY_MS)) }
    }

    /// Days since 1970-01-01.
    pub const fn number(self) -> i64 {
        self.starts_at.unix_ms.div_euclid(DAY_MS)
    }

    /// The first instant of the day.
    pub const fn starts_at(self) -> Timestamp {
        self.starts_at
    }

    /// Whether the whole day lies before `now`.
    pub fn has_passed(self, now: Timestamp) -> bool {
        now >= self.starts_at.plus_ms(DAY_MS)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.starts_at.datetime() {
            Some(datetime) => write!(f, "{}", datetime.date_naive()),
            None => self.starts_at.fmt(f),
        }
    }
}

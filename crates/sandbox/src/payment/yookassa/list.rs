//! `GET /payments` and `GET /refunds`: the newest first, page by page.

use super::{error::Refusal, payment::Payment, refund::Refund, shop::Shop};
use crate::payment::{insert_all, query, roll::Roll, time};
use serde_json::{Value, json};

const MAX_LIMIT: usize = 100;
const DEFAULT_LIMIT: usize = 10;

type Comparison = fn(&i64, &i64) -> bool;

const COMPARISONS: [(&str, Comparison); 4] =
    [("gte", i64::ge), ("gt", i64::gt), ("lte", i64::le), ("lt", i64::lt)];

/// An entry that can be listed.
trait Listed {
    /// Its instants, by name.
    const INSTANTS: &'static [&'static str];
    /// Its words that can be asked for, by name.
    const WORDS: &'static [&'static str];

    fn id(&self) -> &str;

    /// An instant, in milliseconds since the epoch.
    fn instant(&self, name: &str) -> Option<i64>;

    fn word(&self, name: &str) -> Option<&str>;
}

impl Listed for Payment {
    const INSTANTS: &'static [&'static str] = &["created_at", "captured_at"];
    const WORDS: &'static [&'static str] = &["status", "payment_method"];

    fn id(&self) -> &str {
        &self.id
    }

    fn instant(&self, name: &str) -> Option<i64> {
        if name == "created_at" { Some(self.created_ms) } else { self.captured_ms }
    }

    fn word(&self, name: &str) -> Option<&str> {
        let kind = self.method.as_ref().map(|method| method.kind.as_str());
        if name == "status" { Some(self.status.name()) } else { kind }
    }
}

impl Listed for Refund {
    const INSTANTS: &'static [&'static str] = &["created_at"];
    const WORDS: &'static [&'static str] = &["status", "payment_id"];

    fn id(&self) -> &str {
        &self.id
    }

    fn instant(&self, _: &str) -> Option<i64> {
        Some(self.created_ms)
    }

    fn word(&self, name: &str) -> Option<&str> {
        Some(if name == "status" { self.status() } else { &self.order.payment_id })
    }
}

/// Which entries, and how many.
struct Filter {
    bounds: Vec<(&'static str, Comparison, i64)>,
    words: Vec<(&'static str, String)>,
    /// The entry to begin with.
    cursor: Option<String>,
    limit: usize,
}

impl Filter {
    fn read<T: Listed>(encoded: &str) -> Result<Self, Refusal> {
        let mut filter = Self { bounds: Vec::new(), words: Vec::new(), cursor: None, limit: DEFAULT_LIMIT };
        for (name, value) in query::pairs(encoded) {
            filter.take::<T>(&name, value)?;
        }
        Ok(filter)
    }

    fn take<T: Listed>(&mut self, name: &str, value: String) -> Result<(), Refusal> {
        let wrong = |what: &str| Err(Refusal::wrong(name, format!("{name}: {what}")));
        if name == "cursor" {
            self.cursor = Some(value);
        } else if name == "limit" {
            match value.parse() {
                Ok(limit @ 1..=MAX_LIMIT) => self.limit = limit,
                _ => return wrong("1 to 100"),
            }
        } else if let Some(word) = T::WORDS.iter().find(|word| **word == name) {
            self.words.push((word, value));
        } else {
            let (instant, comparison) = name.split_once('.').unwrap_or((name, ""));
            let instant = T::INSTANTS.iter().find(|known| **known == instant);
            let comparison = COMPARISONS.iter().find(|(known, _)| *known == comparison);
            let (Some(instant), Some((_, comparison))) = (instant, comparison) else {
                return wrong("unknown filter");
            };
            let Some(at_ms) = time::parse(&value) else { return wrong("not an ISO 8601 instant") };
            self.bounds.push((instant, *comparison, at_ms));
        }
        Ok(())
    }

    fn matches<T: Listed>(&self, entry: &T) -> bool {
        let is_within = |(name, comparison, bound): &(&str, Comparison, i64)| {
            entry.instant(name).is_some_and(|at_ms| comparison(&at_ms, bound))
        };
        self.bounds.iter().all(is_within)
            && self.words.iter().all(|(name, word)| entry.word(name) == Some(word.as_str()))
    }

    /// A page. A cursor names an entry, so that what comes meanwhile moves nothing.
    fn page<T: Listed>(&self, roll: &Roll<T>, shown: impl Fn(&T) -> Value) -> Result<Value, Refusal> {
        let end = match &self.cursor {
            Some(cursor) => roll.place(cursor).map(|place| place.saturating_add(1)),
            None => Some(roll.len()),
        };
        let end = end.ok_or_else(|| Refusal::wrong("cursor", "cursor: unknown"))?;
        let mut found = roll.iter().take(end).rev().filter(|entry| self.matches(*entry));
        let items: Vec<Value> = found.by_ref().take(self.limit).map(shown).collect();
        let mut page = json!({"type": "list", "items": items});
        insert_all(&mut page, found.next().map(|next| ("next_cursor", next.id().into())));
        Ok(page)
    }
}

impl Shop {
    /// `GET /payments`, with what stands behind `?`.
    pub(super) fn list_payments(&self, encoded: &str) -> Result<Value, Refusal> {
        let filter = Filter::read::<Payment>(encoded)?;
        self.books(|books| filter.page(&books.payments, |payment| self.shown(payment)))
    }

    /// `GET /refunds`, with what stands behind `?`.
    pub(super) fn list_refunds(&self, encoded: &str) -> Result<Value, Refusal> {
        let filter = Filter::read::<Refund>(encoded)?;
        self.books(|books| filter.page(&books.refunds, Refund::shown))
    }
}

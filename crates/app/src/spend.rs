//! What vendors charge us, and when a day's bill is enough.

use crate::{App, Error};
use domain::{
    catalog::{Measured, Model},
    params::Params,
    time::{DAY_MS, Timestamp},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Milliseconds after which what is on record is asked for again, while nobody waits for it.
const STALE_MS: i64 = 5_000;
/// Milliseconds after which nobody goes by what was last asked for.
const TOO_OLD_MS: i64 = 30_000;

/// The day's bill of each vendor that has a limit, in micro-dollars of the catalog's prices; a day is one of UTC.
///
/// It is what stood on record some seconds ago, and what this process has added since. It is not exact to the last call:
/// what is under way counts once it is completed, what other processes and jobs complete counts some seconds later, and
/// so calls that were let in before go beyond the limit, the more of them the more processes there are. Nothing is let in
/// more than about half a minute late.
pub(crate) struct Spend {
    /// By vendor.
    limits: BTreeMap<String, i64>,
    sums: Mutex<Sums>,
    /// Whoever asks the database has it.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What is known of one day.
#[derive(Debug, Default)]
struct Sums {
    /// Days since the epoch.
    day: i64,
    /// When what is on record was last asked for, by the monotonic clock.
    asked_at_ms: Option<i64>,
    on_record: BTreeMap<String, i64>,
    /// What this process has added since then.
    added: BTreeMap<String, i64>,
}

impl Spend {
    pub(crate) fn new(limits: BTreeMap<String, i64>) -> Self {
        Self { limits, sums: Mutex::default(), turn: Arc::default() }
    }

    /// The sums of the day of `now`, which begin with nothing.
    fn sums(&self, now: Timestamp) -> MutexGuard<'_, Sums> {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now.unix_ms().div_euclid(DAY_MS);
        if sums.day != day {
            *sums = Sums { day, ..Sums::default() };
        }
        sums
    }

    /// Adds what a completed generation costs at its vendor.
    pub(crate) fn add(&self, vendor: &str, cost_micro_usd: i64, now: Timestamp) {
        if self.limits.contains_key(vendor) {
            let mut sums = self.sums(now);
            let added = sums.added.entry(vendor.to_owned()).or_default();
            *added = added.saturating_add(cost_micro_usd);
        }
    }

    fn spent_micro_usd(&self, vendor: &str, now: Timestamp) -> i64 {
        let sums = self.sums(now);
        let of = |sums: &BTreeMap<String, i64>| sums.get(vendor).copied().unwrap_or_default();
        of(&sums.on_record).saturating_add(of(&sums.added))
    }

    /// Milliseconds since what is on record was last asked for; `None` when it was not, today.
    fn age_ms(&self, now: Timestamp, now_ms: i64) -> Option<i64> {
        self.sums(now).asked_at_ms.map(|asked_at_ms| now_ms.saturating_sub(asked_at_ms))
    }
}

impl Sums {
    /// Takes what is on record, in which `added` is contained: what this process had added when it asked.
    fn replace(&mut self, on_record: BTreeMap<String, i64>, added: &BTreeMap<String, i64>, asked_at_ms: i64) {
        for (vendor, cost_micro_usd) in added {
            if let Some(sum) = self.added.get_mut(vendor) {
                *sum = sum.saturating_sub(*cost_micro_usd);
            }
        }
        self.on_record = on_record;
        self.asked_at_ms = Some(asked_at_ms);
    }
}

impl App {
    /// What the vendor of the model `slug` charges for a finished generation, as far as the catalog knows.
    pub(crate) fn vendor_cost_micro_usd(
        &self,
        slug: &str,
        params: &Params,
        measured: Measured,
    ) -> Option<i64> {
        self.catalog().model(slug)?.vendor_cost_micro_usd(params, measured)
    }

    /// Whether the model's vendor may cost us more today.
    ///
    /// # Errors
    /// [`Error::ModelUnavailable`] until midnight when it may not; [`Error::Overloaded`] when there is no knowing.
    pub(crate) async fn check_spend(&self, model: &Model) -> Result<(), Error> {
        let Some(limit) = self.inner.spend.limits.get(&model.vendor) else { return Ok(()) };
        self.keep_spend_fresh().await?;
        let now = self.clock().now();
        if self.inner.spend.spent_micro_usd(&model.vendor, now) < *limit {
            return Ok(());
        }
        let left_ms = DAY_MS.saturating_sub(now.unix_ms().rem_euclid(DAY_MS));
        Err(Error::ModelUnavailable {
            model: model.slug.clone(),
            reason: "what may be spent at its vendor in a day is spent",
            retry_after_s: u32::try_from(left_ms.saturating_add(999) / 1_000).ok(),
        })
    }

    /// Asks for what is on record when it is time: aside while what is known will do, else before going on.
    async fn keep_spend_fresh(&self) -> Result<(), Error> {
        let spend = &self.inner.spend;
        let age_ms = || spend.age_ms(self.clock().now(), self.clock().monotonic_ms());
        if age_ms().is_none_or(|age_ms| age_ms >= TOO_OLD_MS) {
            let _turn = spend.turn.lock().await;
            // Whoever was before us may have asked.
            if age_ms().is_none_or(|age_ms| age_ms >= TOO_OLD_MS) {
                self.ask_spend().await?;
            }
        } else if age_ms().is_none_or(|age_ms| age_ms >= STALE_MS)
            && let Ok(turn) = Arc::clone(&spend.turn).try_lock_owned()
        {
            let app = self.clone();
            self.inner.tasks.spawn(async move {
                let _turn = turn;
                if let Err(error) = app.ask_spend().await {
                    tracing::warn!(%error, "what was spent today is not known");
                }
            });
        }
        Ok(())
    }

    async fn ask_spend(&self) -> Result<(), Error> {
        let (now, asked_at_ms) = (self.clock().now(), self.clock().monotonic_ms());
        let added = self.inner.spend.sums(now).added.clone();
        let midnight = now.plus_ms(now.unix_ms().rem_euclid(DAY_MS).saturating_neg());
        let mut by_vendor = BTreeMap::new();
        for (slug, cost_micro_usd) in self.storage().vendor_costs(midnight, midnight.plus_ms(DAY_MS)).await? {
            if let Some(model) = self.catalog().model(&slug) {
                let sum: &mut i64 = by_vendor.entry(model.vendor.clone()).or_default();
                *sum = sum.saturating_add(cost_micro_usd);
            }
        }
        let mut sums = self.inner.spend.sums(self.clock().now());
        // Another day may have begun meanwhile.
        if sums.day == now.unix_ms().div_euclid(DAY_MS) {
            sums.replace(by_vendor, &added, asked_at_ms);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(unix_ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(unix_ms)
    }

    fn costs(of: &[(&str, i64)]) -> BTreeMap<String, i64> {
        of.iter().map(|(vendor, cost)| ((*vendor).to_owned(), *cost)).collect()
    }

    #[test]
    fn what_is_added_while_the_database_is_asked_is_kept() {
        let spend = Spend::new(costs(&[("acme", 100)]));
        spend.add("acme", 10, at(1));
        let added = spend.sums(at(1)).added.clone();
        spend.add("acme", 7, at(2));
        spend.sums(at(3)).replace(costs(&[("acme", 50)]), &added, 3);
        assert_eq!(spend.spent_micro_usd("acme", at(3)), 57);
        assert_eq!(spend.age_ms(at(4), 4), Some(1));
    }

    #[test]
    fn a_day_begins_with_nothing() {
        let spend = Spend::new(costs(&[("acme", 100)]));
        spend.add("acme", 10, at(DAY_MS - 1));
        assert_eq!(spend.spent_micro_usd("acme", at(DAY_MS - 1)), 10);
        assert_eq!(spend.spent_micro_usd("acme", at(DAY_MS)), 0);
        assert_eq!(spend.age_ms(at(DAY_MS), 0), None);
    }

    #[test]
    fn vendors_without_a_limit_are_not_counted() {
        let spend = Spend::new(costs(&[("acme", 100)]));
        spend.add("other", 10, at(1));
        assert_eq!(spend.spent_micro_usd("other", at(1)), 0);
    }
}

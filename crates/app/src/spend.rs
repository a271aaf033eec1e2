//! What vendors charge us, and when a day's bill is enough.

use crate::{App, Error};
use domain::{
    catalog::{Measured, Model},
    id::{AccountId, GenerationId},
    params::Params,
    time::{DAY_MS, Timestamp},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Milliseconds after which what is on record is asked for again before anything is let in.
const STALE_MS: i64 = 1_000;
/// Milliseconds after which it is asked for while calls are let in, so that under load hardly one waits for it.
const AGING_MS: i64 = 500;
/// Milliseconds after which it is worth coming back when the limit is reached only by what is under way, which may cost less
/// in the end.
const OPEN_RETRY_MS: i64 = 60_000;

/// The day's bill of each vendor that has a limit, in micro-dollars of the catalog's prices; a day is one of UTC, and a
/// generation counts on the day on which it was begun.
///
/// It counts by the rows of generations: those that run with the most that they may cost, those that completed with what they
/// did cost, and those that failed or were canceled with the most again, unless the vendor is known to charge nothing for
/// them. What this process lets in counts at once, what others do within [`STALE_MS`]. So one process goes beyond a limit by
/// no more than the last call that was let in, and several by what they let in within that time.
pub(crate) struct Spend {
    /// By vendor.
    limits: BTreeMap<String, i64>,
    sums: Arc<Mutex<Sums>>,
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
    on_record: BTreeMap<String, Bill>,
    /// What this process has put on record since then.
    added: BTreeMap<String, i64>,
    /// What this process has let in and not put on record yet.
    reserved: BTreeMap<String, i64>,
}

/// One vendor's bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bill {
    /// Of what has ended.
    ended_micro_usd: i64,
    /// Of what is under way.
    open_micro_usd: i64,
}

/// A call that was let in: counts until it is dropped, which is when its hold is on record or was not taken.
pub(crate) struct Reserved {
    sums: Arc<Mutex<Sums>>,
    day: i64,
    vendor: String,
    /// What it may cost, where the catalog knows.
    pub(crate) cost_micro_usd: Option<i64>,
}

/// Milliseconds after which a vendor whose limit is reached may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Full {
    retry_after_ms: i64,
}

impl Spend {
    pub(crate) fn new(limits: BTreeMap<String, i64>) -> Self {
        Self { limits, sums: Arc::default(), turn: Arc::default() }
    }

    /// Whether the vendor has a limit, without which nothing is counted.
    pub(crate) fn is_limited(&self, vendor: &str) -> bool {
        self.limits.contains_key(vendor)
    }

    /// The sums of the day of `now`, which begin with nothing.
    fn sums(&self, now: Timestamp) -> MutexGuard<'_, Sums> {
        let mut sums = lock(&self.sums);
        let day = now.unix_ms().div_euclid(DAY_MS);
        if sums.day != day {
            *sums = Sums { day, ..Sums::default() };
        }
        sums
    }

    /// Lets in a call while the vendor's limit is not reached; from then on it counts.
    fn admit(
        &self,
        vendor: &str,
        limit_micro_usd: i64,
        cost_micro_usd: Option<i64>,
        now: Timestamp,
    ) -> Result<Reserved, Full> {
        let mut sums = self.sums(now);
        if sums.spent_micro_usd(vendor) >= limit_micro_usd {
            let left_ms = DAY_MS.saturating_sub(now.unix_ms().rem_euclid(DAY_MS));
            let is_spent = sums.bill(vendor).ended_micro_usd >= limit_micro_usd;
            return Err(Full { retry_after_ms: if is_spent { left_ms } else { left_ms.min(OPEN_RETRY_MS) } });
        }
        add(&mut sums.reserved, vendor, cost_micro_usd.unwrap_or_default());
        Ok(Reserved { sums: self.sums.clone(), day: sums.day, vendor: vendor.to_owned(), cost_micro_usd })
    }

    /// Whether what is known is as old as `age_ms`.
    fn is_as_old_as(&self, age_ms: i64, now: Timestamp, now_ms: i64) -> bool {
        let asked_at_ms = self.sums(now).asked_at_ms;
        asked_at_ms.is_none_or(|asked_at_ms| now_ms.saturating_sub(asked_at_ms) >= age_ms)
    }
}

impl Sums {
    fn bill(&self, vendor: &str) -> Bill {
        self.on_record.get(vendor).copied().unwrap_or_default()
    }

    fn spent_micro_usd(&self, vendor: &str) -> i64 {
        let Bill { ended_micro_usd, open_micro_usd } = self.bill(vendor);
        let own = [&self.added, &self.reserved].map(|sums| sums.get(vendor).copied().unwrap_or_default());
        own.into_iter().chain([ended_micro_usd, open_micro_usd]).fold(0, i64::saturating_add)
    }

    /// Takes what is on record, in which `added` is contained: what this process had put there when it asked.
    fn replace(
        &mut self,
        on_record: BTreeMap<String, Bill>,
        added: &BTreeMap<String, i64>,
        asked_at_ms: i64,
    ) {
        for (vendor, cost_micro_usd) in added {
            add(&mut self.added, vendor, cost_micro_usd.saturating_neg());
        }
        self.on_record = on_record;
        self.asked_at_ms = Some(asked_at_ms);
    }
}

impl Reserved {
    /// Its hold is on record now.
    pub(crate) fn entered(self) {
        let mut sums = lock(&self.sums);
        if sums.day == self.day {
            add(&mut sums.added, &self.vendor, self.cost_micro_usd.unwrap_or_default());
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut sums = lock(&self.sums);
        if sums.day == self.day {
            add(&mut sums.reserved, &self.vendor, self.cost_micro_usd.unwrap_or_default().saturating_neg());
        }
    }
}

fn lock(sums: &Mutex<Sums>) -> MutexGuard<'_, Sums> {
    sums.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add(sums: &mut BTreeMap<String, i64>, vendor: &str, cost_micro_usd: i64) {
    let sum = sums.entry(vendor.to_owned()).or_default();
    *sum = sum.saturating_add(cost_micro_usd);
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

    /// Counts what a generation may cost at its model's vendor, as far as that is known, where the vendor has a limit.
    ///
    /// # Errors
    /// [`Error::ModelUnavailable`] when the vendor may cost us no more today; [`Error::Overloaded`] when there is no knowing.
    pub(crate) async fn reserve_spend(
        &self,
        model: &Model,
        cost_micro_usd: Option<i64>,
    ) -> Result<Option<Reserved>, Error> {
        let spend = &self.inner.spend;
        let Some(limit) = spend.limits.get(&model.vendor) else { return Ok(None) };
        self.keep_spend_fresh().await?;
        let admitted = spend.admit(&model.vendor, *limit, cost_micro_usd, self.clock().now());
        admitted.map(Some).map_err(|full| Error::ModelUnavailable {
            model: model.slug.clone(),
            reason: "what may be spent at its vendor in a day is spent",
            retry_after_s: u32::try_from(full.retry_after_ms.saturating_add(999) / 1_000).ok(),
        })
    }

    /// Puts right what a generation costs that was ended before its vendor had said so.
    pub(crate) async fn correct_spend(
        &self,
        vendor: &str,
        (account_id, id): (AccountId, GenerationId),
        cost_micro_usd: Option<i64>,
    ) {
        if !self.inner.spend.is_limited(vendor) {
            return;
        }
        let corrected = self.storage().correct_vendor_cost(account_id, id, cost_micro_usd).await;
        if let Err(error) = corrected {
            tracing::warn!(generation_id = id.0, %error, "what a generation may cost stays on the vendor's bill");
        }
    }

    /// Asks for what is on record when it is time. Only what is stale is waited for.
    async fn keep_spend_fresh(&self) -> Result<(), Error> {
        let spend = &self.inner.spend;
        let is = |age_ms| spend.is_as_old_as(age_ms, self.clock().now(), self.clock().monotonic_ms());
        if is(STALE_MS) {
            let _turn = spend.turn.lock().await;
            // Whoever was before us may have asked.
            if is(STALE_MS) {
                self.ask_spend().await?;
            }
        } else if is(AGING_MS)
            && let Ok(turn) = spend.turn.clone().try_lock_owned()
        {
            let app = self.clone();
            self.inner.tasks.spawn(async move {
                if let Err(error) = app.ask_spend().await {
                    tracing::warn!(%error, "what vendors have cost today");
                }
                drop(turn);
            });
        }
        Ok(())
    }

    async fn ask_spend(&self) -> Result<(), Error> {
        let spend = &self.inner.spend;
        let (now, asked_at_ms) = (self.clock().now(), self.clock().monotonic_ms());
        let added = spend.sums(now).added.clone();
        let limited = || self.catalog().models().iter().filter(|model| spend.is_limited(&model.vendor));
        let slugs: Vec<&str> = limited().map(|model| model.slug.as_str()).collect();
        let midnight = now.plus_ms(now.unix_ms().rem_euclid(DAY_MS).saturating_neg());
        let bills = self.storage().vendor_bills(&slugs, midnight, midnight.plus_ms(DAY_MS)).await?;
        let mut by_vendor: BTreeMap<String, Bill> = BTreeMap::new();
        for bill in bills {
            if let Some(model) = self.catalog().model(&bill.model_slug) {
                let sum = by_vendor.entry(model.vendor.clone()).or_default();
                sum.ended_micro_usd = sum.ended_micro_usd.saturating_add(bill.ended_micro_usd);
                sum.open_micro_usd = sum.open_micro_usd.saturating_add(bill.open_micro_usd);
            }
        }
        let mut sums = spend.sums(self.clock().now());
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

    const LIMIT: i64 = 100;

    fn at(unix_ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(unix_ms)
    }

    fn spend() -> Spend {
        Spend::new(BTreeMap::from([("acme".to_owned(), LIMIT)]))
    }

    fn admit(spend: &Spend, cost_micro_usd: i64, now: Timestamp) -> Result<Reserved, Full> {
        spend.admit("acme", LIMIT, Some(cost_micro_usd), now)
    }

    fn spent(spend: &Spend, now: Timestamp) -> i64 {
        spend.sums(now).spent_micro_usd("acme")
    }

    fn record(ended_micro_usd: i64, open_micro_usd: i64) -> BTreeMap<String, Bill> {
        BTreeMap::from([("acme".to_owned(), Bill { ended_micro_usd, open_micro_usd })])
    }

    #[test]
    fn what_is_let_in_counts_until_it_is_on_record_or_was_not_held() {
        let spend = spend();
        let (first, second) =
            (admit(&spend, 60, at(1)).ok().unwrap(), admit(&spend, 60, at(1)).ok().unwrap());
        assert!(admit(&spend, 1, at(1)).is_err(), "the second one crossed the limit");
        drop(second);
        first.entered();
        assert_eq!(spent(&spend, at(1)), 60);
    }

    #[test]
    fn what_is_added_while_the_database_is_asked_is_kept() {
        let spend = spend();
        admit(&spend, 10, at(1)).ok().unwrap().entered();
        let added = spend.sums(at(1)).added.clone();
        admit(&spend, 7, at(2)).ok().unwrap().entered();
        let _under_way = admit(&spend, 3, at(2)).ok().unwrap();
        spend.sums(at(3)).replace(record(40, 10), &added, 3);
        assert_eq!(spent(&spend, at(3)), 60);
        let is_stale = |now_ms| spend.is_as_old_as(STALE_MS, at(4), now_ms);
        assert!(!is_stale(2 + STALE_MS) && is_stale(3 + STALE_MS));
    }

    #[test]
    fn what_is_under_way_may_make_room() {
        let spend = spend();
        let retry_after_ms = |bill| {
            spend.sums(at(0)).on_record = bill;
            admit(&spend, 1, at(0)).err().map(|full| full.retry_after_ms)
        };
        assert_eq!(retry_after_ms(record(99, 0)), None);
        assert_eq!(retry_after_ms(record(50, 50)), Some(OPEN_RETRY_MS));
        assert_eq!(retry_after_ms(record(100, 0)), Some(DAY_MS));
    }

    #[test]
    fn a_day_begins_with_nothing() {
        let spend = spend();
        let yesterday = admit(&spend, 10, at(DAY_MS - 1)).ok().unwrap();
        assert_eq!((spent(&spend, at(DAY_MS - 1)), spent(&spend, at(DAY_MS))), (10, 0));
        assert!(spend.is_as_old_as(STALE_MS, at(DAY_MS), 0));
        drop(yesterday);
        assert_eq!(spent(&spend, at(DAY_MS)), 0);
    }
}

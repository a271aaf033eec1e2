//! What is measured: each line as the storage layer asks it, with all queries that it takes and the way to the database and
//! back.

use super::fill::{ACCOUNT_ID, DAYS, FIRST_ID};
use domain::{
    catalog::Category,
    id::{AccountId, GenerationId},
    time::{DAY_MS, Day, Timestamp},
};
use std::time::Instant;
use storage::{GenerationStatus, HistoryFilter, Storage};

/// Times that each line is measured, after as many as half of it that are not.
const TIMES: usize = 41;
const ACCOUNT: AccountId = AccountId(ACCOUNT_ID);

/// A line of the result.
pub(crate) struct Measured {
    pub(crate) what: &'static str,
    pub(crate) median_us: u128,
}

pub(crate) async fn measure(storage: &Storage, generations: i64, now: Timestamp) -> Vec<Measured> {
    let today = Day::of(now);
    let mut lines = vec![];
    let started = Instant::now();
    storage.close_days(ACCOUNT, today, Timestamp::default()).await.expect("the database answers");
    let median_us = started.elapsed().as_micros();
    lines.push(Measured { what: "close all days at once, the first time", median_us });
    let middle = Some(GenerationId(FIRST_ID + generations / 2));
    let of = |model: Option<&str>, category, status| HistoryFilter {
        model_slug: model.map(str::to_owned),
        category,
        status,
    };
    let text = Some(Category::Text);
    let (completed, failed) = (Some(GenerationStatus::Completed), Some(GenerationStatus::Failed));
    for (what, filter, before, offset, limit) in [
        ("history", of(None, None, None), None, 0, 20),
        ("history, limit=100", of(None, None, None), None, 0, 100),
        ("history, page=500", of(None, None, None), None, 9_980, 20),
        ("history, before the middle", of(None, None, None), middle, 0, 20),
        ("history, type=text", of(None, text, None), None, 0, 20),
        ("history, type=text, page=500", of(None, text, None), None, 9_980, 20),
        ("history, type=text, before the middle", of(None, text, None), middle, 0, 20),
        ("history, type=tool, of which there are 3", of(None, Some(Category::Tool), None), None, 0, 20),
        ("history, type=video, of which there is none", of(None, Some(Category::Video), None), None, 0, 20),
        ("history, model=gpt-5", of(Some("gpt-5"), None, None), None, 0, 20),
        ("history, model=musicgen, one in 1,000", of(Some("musicgen"), None, None), None, 0, 20),
        ("history, model=whisper, of which there is none", of(Some("whisper"), None, None), None, 0, 20),
        ("history, status=completed", of(None, None, completed), None, 0, 20),
        ("history, status=failed, page=500", of(None, None, failed), None, 9_980, 20),
        ("history, status=pending", of(None, None, Some(GenerationStatus::Pending)), None, 0, 20),
        ("history, type=text and status=failed", of(None, text, failed), None, 0, 20),
        ("history, model=gpt-5 and status=failed", of(Some("gpt-5"), None, failed), middle, 0, 20),
    ] {
        let ask = || page(storage, &filter, before, offset, limit);
        lines.push(Measured { what, median_us: median(ask).await });
    }
    let stats =
        async || drop(storage.usage(ACCOUNT, today.plus_days(-29)).await.expect("the database answers"));
    lines.push(Measured { what: "stats", median_us: median(stats).await });
    let month = now.plus_ms(-DAYS / 2 * DAY_MS);
    let first_page = async || entries(storage, month, Some(1)).await;
    lines
        .push(Measured { what: "ledger of a month, first page of 500", median_us: median(first_page).await });
    let whole = async || entries(storage, month, None).await;
    lines.push(Measured { what: "ledger of a month, all pages", median_us: median(whole).await });
    lines
}

/// A page of a history and how long the history is, as the API asks for it.
async fn page(
    storage: &Storage,
    filter: &HistoryFilter,
    before: Option<GenerationId>,
    offset: u64,
    limit: u64,
) {
    let place = match before {
        Some(id) => storage.history_place(ACCOUNT, id).await.expect("the database answers"),
        None => None,
    };
    storage.history(ACCOUNT, filter, place, offset, limit).await.expect("the database answers");
    storage.history_len(ACCOUNT, filter, 10_001).await.expect("the database answers");
}

/// Reads the entries of the 30 days from `from` on, up to so many pages.
async fn entries(storage: &Storage, from: Timestamp, pages: Option<usize>) {
    let until = from.plus_ms(30 * DAY_MS);
    let (mut last, mut read) = (None, 0);
    loop {
        let page =
            storage.entries(ACCOUNT, from, until, last.as_ref(), 500).await.expect("the database answers");
        read += 1;
        if page.len() < 500 || pages == Some(read) {
            return;
        }
        last = page.last().cloned();
    }
}

async fn median(ask: impl AsyncFn()) -> u128 {
    let mut times = Vec::new();
    for time in 0..TIMES + TIMES / 2 {
        let started = Instant::now();
        ask().await;
        if time >= TIMES / 2 {
            times.push(started.elapsed().as_micros());
        }
    }
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

//! What an account has used, and the closing of the days of which it is made.

use crate::{App, Caller, Error};
use domain::{
    catalog::Category,
    id::AccountId,
    time::{Day, Timestamp},
};

/// Days of UTC that count as recent, today among them.
const RECENT_DAYS: i64 = 30;
/// Milliseconds by which no two clocks of this installation may differ. A day is closed as much later; see
/// `storage/src/usage.rs`. TLS and what is signed would long have failed before clocks are that far apart.
const CLOCKS_AGREE_MS: i64 = 60 * 60 * 1_000;
/// The name of closing days among what is done daily.
const NAME: &str = "usage";
/// Milliseconds after which it is done again: a generation that was late keeps its account's day open no longer than that.
const EVERY_MS: i64 = 60 * 60 * 1_000;
/// Milliseconds for which it is left to whoever has claimed it.
const LEASE_MS: i64 = 10 * 60 * 1_000;
/// Accounts that are looked at in one query.
const STEP_LEN: u32 = 1_000;

/// Completed generations and their tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Generations.
    pub generations: i64,
    /// NeuralBox tokens.
    pub tokens: i64,
}

/// What an account has completed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageStats {
    /// All of it.
    pub total: Used,
    /// Text.
    pub text: Used,
    /// Pictures.
    pub image: Used,
    /// Video.
    pub video: Used,
    /// Music, speech from text, and text from speech.
    pub audio: Used,
    /// Tools.
    pub tools: Used,
    /// What ended today or in the 29 days before, in UTC.
    pub recent: Used,
}

impl App {
    /// What the caller's account has completed so far, exactly.
    ///
    /// # Errors
    /// The database's.
    pub async fn usage(&self, caller: &Caller) -> Result<UsageStats, Error> {
        let recent = Day::of(self.clock().now()).plus_days(1 - RECENT_DAYS);
        let mut stats = UsageStats::default();
        for usage in self.storage().usage(caller.account_id, recent).await? {
            let used = Used { generations: usage.generations, tokens: usage.spent_tokens };
            stats.total.add(used);
            stats.of(usage.category).add(used);
            stats.recent.add(Used { generations: usage.recent_generations, tokens: usage.recent_tokens });
        }
        Ok(stats)
    }

    /// Closes days in which nothing can end any more, of all accounts: once an hour, however many workers call it. Says of how
    /// many accounts; `None` when it is not due, or another worker is at it.
    ///
    /// # Errors
    /// The database's; it is tried again when the claim has ended.
    pub async fn close_days(&self) -> Result<Option<usize>, Error> {
        let now = self.clock().now();
        let Some(claim) = self.storage().claim_daily(NAME, now, now.plus_ms(LEASE_MS)).await? else {
            return Ok(None);
        };
        let closed = self.close_days_until(now).await?;
        self.storage().end_daily(claim, now.plus_ms(EVERY_MS)).await?;
        Ok(Some(closed))
    }

    async fn close_days_until(&self, now: Timestamp) -> Result<usize, Error> {
        let end = Day::of(now.plus_ms(-CLOCKS_AGREE_MS));
        let begun_before = end.starts_at().plus_ms(CLOCKS_AGREE_MS);
        let (mut closed, mut open) = (0, 0);
        let mut after = Some(AccountId(0));
        while let Some(account_id) = after {
            let step = self.storage().open_days(account_id, end.starts_at(), STEP_LEN).await?;
            for account_id in step.accounts {
                let is_closed = self.storage().close_days(account_id, end, begun_before).await?;
                *(if is_closed { &mut closed } else { &mut open }) += 1;
            }
            after = step.last;
        }
        if open > 0 {
            tracing::info!(closed, open, "some accounts' days stay open while what they began is pending");
        }
        Ok(closed)
    }
}

impl UsageStats {
    fn of(&mut self, category: Category) -> &mut Used {
        match category {
            Category::Text => &mut self.text,
            Category::Image => &mut self.image,
            Category::Video => &mut self.video,
            Category::Music | Category::Tts | Category::Stt => &mut self.audio,
            Category::Tool => &mut self.tools,
        }
    }
}

impl Used {
    const fn add(&mut self, more: Self) {
        self.generations += more.generations;
        self.tokens += more.tokens;
    }
}

//! What an account's owner sees of it and may change.

use crate::{
    App, Balance, Caller, Error,
    accounts::{is_email, no_email},
    billing::is_web_url,
};
use domain::{ledger::Wallet, params::FieldError, time::Timestamp};
use storage::{AccountRecord, ProfileChange};

/// Characters that a person's name may have.
pub(crate) const MAX_NAME_CHARS: usize = 100;
const MAX_AVATAR_URL_BYTES: usize = 2_048;

/// An account as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Who it is.
    pub account: AccountRecord,
    /// What it can spend, and until when.
    pub balance: Balance,
    /// NeuralBox tokens that the plan gives each cycle, or gave once.
    pub token_limit: i64,
    /// NeuralBox tokens that generations have cost that were completed since the cycle began; on the free plan, ever.
    pub tokens_used: i64,
    /// Generations that the plan lets it begin in an hour; 0 is unlimited.
    pub rate_limit_hourly: i64,
    /// As much for a day.
    pub rate_limit_daily: i64,
}

/// Where an account's tokens are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purse {
    /// What it can spend, and until when.
    pub balance: Balance,
    /// NeuralBox tokens of the running cycle that are free to spend.
    pub plan_tokens: i64,
    /// NeuralBox tokens that never expire and are free to spend.
    pub bonus_tokens: i64,
    /// NeuralBox tokens that running generations hold.
    pub held_tokens: i64,
    /// When the plan gives tokens again, if it does.
    pub next_refill_at: Option<Timestamp>,
}

impl App {
    /// The caller's account.
    ///
    /// # Errors
    /// The database's.
    pub async fn profile(&self, caller: &Caller) -> Result<Profile, Error> {
        let account = self.storage().account(caller.account_id).await?;
        let account = account.filter(|account| account.erased_at.is_none()).ok_or(Error::NotAuthenticated)?;
        let wallet = self.storage().ledger().wallet(account.id).await?;
        let now = self.clock().now();
        let balance = Balance::of(&wallet, now);
        let plan = self.catalog().plan(&balance.plan);
        let since = in_force(&wallet, now).map_or(account.created_at, |cycle| cycle.starts_at);
        Ok(Profile {
            tokens_used: self.storage().tokens_spent_since(account.id, since).await?,
            token_limit: plan.map_or(0, |plan| plan.tokens),
            rate_limit_hourly: plan.map_or(0, |plan| plan.rate_limit_hourly),
            rate_limit_daily: plan.map_or(0, |plan| plan.rate_limit_daily),
            account,
            balance,
        })
    }

    /// Changes the caller's account.
    ///
    /// # Errors
    /// [`Error::Validation`]; [`Error::LimitedKey`].
    pub async fn change_profile(&self, caller: &Caller, change: ProfileChange) -> Result<Profile, Error> {
        caller.require_unlimited_key()?;
        let change = ProfileChange { name: change.name.map(|name| name.trim().to_owned()), ..change };
        let wrong = Self::wrong_profile_change(&change);
        if !wrong.is_empty() {
            return Err(Error::Validation(wrong));
        }
        self.storage().change_profile(caller.account_id, change).await?;
        self.profile(caller).await
    }

    /// What is wrong with a change of an account.
    pub fn wrong_profile_change(change: &ProfileChange) -> Vec<FieldError> {
        let url = change.avatar_url.as_ref().and_then(Option::as_ref);
        let wrong = [
            change.name.as_deref().map(str::trim).and_then(wrong_name),
            url.filter(|url| !is_avatar_url(url)).map(|_| {
                let message =
                    format!("must be a URL, http or https, of at most {MAX_AVATAR_URL_BYTES} characters");
                FieldError::new("avatar_url", message)
            }),
        ];
        wrong.into_iter().flatten().collect()
    }

    /// Where the caller's tokens are.
    ///
    /// # Errors
    /// The database's.
    pub async fn purse(&self, caller: &Caller) -> Result<Purse, Error> {
        let wallet = self.storage().ledger().wallet(caller.account_id).await?;
        let subscription = self.live_subscription(caller.account_id).await?;
        let renewed = subscription.filter(|subscription| !subscription.cancel_at_end);
        let now = self.clock().now();
        Ok(Purse {
            balance: Balance::of(&wallet, now),
            plan_tokens: wallet.spendable_plan_tokens(now),
            bonus_tokens: wallet.permanent_available,
            held_tokens: wallet.plan_held.saturating_add(wallet.permanent_held),
            next_refill_at: renewed.map(|subscription| subscription.window.ends_at),
        })
    }
}

/// The cycle by which the account is on a plan.
fn in_force(wallet: &Wallet, now: Timestamp) -> Option<&domain::ledger::Cycle> {
    wallet.cycle.as_ref().filter(|cycle| now < cycle.plan_until)
}

pub(crate) fn wrong_email(email: &str) -> Option<FieldError> {
    (!is_email(email)).then(|| no_email("email"))
}

pub(crate) fn wrong_name(name: &str) -> Option<FieldError> {
    let has_length = (1..=MAX_NAME_CHARS).contains(&name.chars().count());
    let is_good = has_length && !name.chars().any(char::is_control);
    (!is_good).then(|| FieldError::new("name", format!("must be 1 to {MAX_NAME_CHARS} printable characters")))
}

/// A name that somebody else wrote down, as far as it fits.
pub(crate) fn fit_name(name: &str) -> String {
    let printable: String = name.chars().filter(|c| !c.is_control()).collect();
    printable.trim().chars().take(MAX_NAME_CHARS).collect()
}

pub(crate) fn is_avatar_url(url: &str) -> bool {
    url.len() <= MAX_AVATAR_URL_BYTES && is_web_url(url)
}

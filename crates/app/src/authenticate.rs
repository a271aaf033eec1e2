//! Who is calling.

use crate::{App, Error, key};
use domain::{
    id::{AccountId, KeyId},
    plan::FREE_PLAN,
    time::Timestamp,
};
use moka::sync::Cache;
use storage::Principal;

/// Milliseconds for which a key that was found valid is believed: with the request that follows, a revoked key stops on
/// every node within 5 s.
const BELIEVED_MS: i64 = 4_000;
const CACHED_KEYS: u64 = 100_000;

/// The caller, as one request sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account_id: AccountId,
    /// The key.
    pub key_id: KeyId,
    /// The slug of the plan in force now.
    pub plan: String,
    /// NeuralBox tokens that the key may use in a calendar month (UTC), where that is limited.
    pub key_budget_tokens: Option<i64>,
    /// The instant from which the key is no longer valid, where there is one.
    pub key_expires_at: Option<Timestamp>,
}

impl Caller {
    /// Whether the key is good for a part of what its account may do.
    pub const fn has_limited_key(&self) -> bool {
        self.key_budget_tokens.is_some() || self.key_expires_at.is_some()
    }
}

/// Keys found valid a moment ago, by hash, with when that was on the monotonic clock. Its bound is by number; age is
/// judged by our own clock.
pub(crate) struct KeyCache {
    principals: Cache<String, (Principal, i64)>,
}

impl KeyCache {
    pub(crate) fn new() -> Self {
        Self { principals: Cache::new(CACHED_KEYS) }
    }

    fn get(&self, key_hash: &str, now_ms: i64) -> Option<Principal> {
        let (principal, found_at_ms) = self.principals.get(key_hash)?;
        (now_ms.saturating_sub(found_at_ms) < BELIEVED_MS).then_some(principal)
    }

    /// Has every key looked up again.
    pub(crate) fn forget_all(&self) {
        self.principals.invalidate_all();
    }
}

impl App {
    /// Who `api_key` speaks for.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a malformed, unknown, revoked or expired key.
    pub async fn authenticate(&self, api_key: &str) -> Result<Caller, Error> {
        if !key::is_well_formed(api_key) {
            return Err(Error::NotAuthenticated);
        }
        let key_hash = key::hash(api_key);
        let asked_at_ms = self.clock().monotonic_ms();
        let principal = match self.inner.keys.get(&key_hash, asked_at_ms) {
            Some(principal) => principal,
            None => {
                let found = self.storage().principal(&key_hash).await?;
                let Some(principal) = found else {
                    self.inner.keys.principals.invalidate(&key_hash);
                    return Err(Error::NotAuthenticated);
                };
                // Believed from before the look-up, so a slow one does not stretch it.
                self.inner.keys.principals.insert(key_hash, (principal.clone(), asked_at_ms));
                principal
            }
        };
        let now = self.clock().now();
        if principal.key_expires_at.is_some_and(|at| at <= now) {
            return Err(Error::NotAuthenticated);
        }
        self.inner.key_uses.note(principal.account_id, principal.key_id, now);
        let plan = principal.plan.filter(|(_, until)| now < *until);
        let plan = plan.map(|(plan, _)| plan);
        Ok(Caller {
            account_id: principal.account_id,
            key_id: principal.key_id,
            plan: plan.unwrap_or_else(|| FREE_PLAN.to_owned()),
            key_budget_tokens: principal.key_budget_tokens,
            key_expires_at: principal.key_expires_at,
        })
    }

    /// Whether API keys work on the caller's plan.
    ///
    /// # Errors
    /// [`Error::InsufficientPlan`] when they do not.
    pub fn require_api_access(&self, caller: &Caller) -> Result<(), Error> {
        if self.catalog().plan(&caller.plan).is_some_and(|plan| plan.api_access) {
            return Ok(());
        }
        let lowest = self.catalog().lowest_plan_with_api();
        let required_plan = lowest.map_or_else(|| "none".to_owned(), |plan| plan.slug.clone());
        Err(Error::InsufficientPlan { required_plan, plan: caller.plan.clone() })
    }
}

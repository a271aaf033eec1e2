//! Who is calling: the holder of a key, or somebody who has signed in.

use crate::{App, Error, key, sign_in};
use domain::{
    id::{AccountId, KeyId},
    plan::FREE_PLAN,
    time::Timestamp,
};
use moka::sync::Cache;
use std::sync::{Mutex, MutexGuard, PoisonError};
use storage::{Principal, SessionPrincipal};

/// Milliseconds for which a key, or a sign-in, that was found valid is believed: with the request that follows, a revoked key
/// stops on every node within 5 s.
const BELIEVED_MS: i64 = 4_000;
const CACHED_KEYS: u64 = 100_000;

/// The caller, as one request sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account_id: AccountId,
    /// The key; `None` for somebody who has signed in.
    pub key_id: Option<KeyId>,
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

    /// Refuses the holder of such a key.
    ///
    /// # Errors
    /// [`Error::LimitedKey`].
    pub const fn require_unlimited_key(&self) -> Result<(), Error> {
        if self.has_limited_key() { Err(Error::LimitedKey) } else { Ok(()) }
    }
}

/// Keys and sign-ins found valid a moment ago, by hash, with when that was on the monotonic clock. Its bound is by number; age is
/// judged by our own clock.
pub(crate) struct KeyCache {
    believed: Cache<String, (Believed, i64)>,
    /// How often something was forgotten. What was looked up before that may be what had to be forgotten, and is not believed
    /// afterwards.
    forgotten: Mutex<u64>,
}

/// Who a key or a sign-in speaks for.
#[derive(Clone)]
enum Believed {
    Key(Principal),
    Session(SessionPrincipal),
}

impl Believed {
    const fn account_id(&self) -> AccountId {
        match self {
            Self::Key(Principal { account_id, .. }) | Self::Session(SessionPrincipal { account_id, .. }) => {
                *account_id
            }
        }
    }
}

impl KeyCache {
    pub(crate) fn new() -> Self {
        let believed = Cache::builder().max_capacity(CACHED_KEYS).support_invalidation_closures().build();
        Self { believed, forgotten: Mutex::default() }
    }

    /// How often something was forgotten.
    fn times_forgotten(&self) -> u64 {
        *self.forgotten()
    }

    fn forgotten(&self) -> MutexGuard<'_, u64> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was looked up at `found_at_ms`, unless something was forgotten since [`Self::times_forgotten`] was `before`.
    fn keep(&self, hash: String, believed: Believed, found_at_ms: i64, before: u64) {
        let forgotten = self.forgotten();
        if *forgotten == before {
            self.believed.insert(hash, (believed, found_at_ms));
        }
    }

    fn get(&self, hash: &str, now_ms: i64) -> Option<Believed> {
        let (believed, found_at_ms) = self.believed.get(hash)?;
        (now_ms.saturating_sub(found_at_ms) < BELIEVED_MS).then_some(believed)
    }

    /// Has a key looked up again.
    pub(crate) fn forget(&self, account_id: AccountId, key_id: KeyId) {
        self.forget_if(move |believed| match believed {
            Believed::Key(key) => (key.account_id, key.key_id) == (account_id, key_id),
            Believed::Session(_) => false,
        });
    }

    /// Has all of an account's keys and sign-ins looked up again.
    pub(crate) fn forget_account(&self, account_id: AccountId) {
        self.forget_if(move |believed| believed.account_id() == account_id);
    }

    fn forget_if(&self, is_it: impl Fn(&Believed) -> bool + Send + Sync + 'static) {
        let mut forgotten = self.forgotten();
        *forgotten = forgotten.wrapping_add(1);
        if self.believed.invalidate_entries_if(move |_, (believed, _)| is_it(believed)).is_err() {
            // Only a cache that was built without such questions refuses them.
            self.believed.invalidate_all();
        }
    }
}

impl App {
    /// Who an API key or an access token speaks for.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for what is malformed, unknown, revoked or over, [`Error::TokenExpired`] for an access token,
    /// [`Error::NotSignedIn`] for a suspended account.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        let is_key = key::is_well_formed(token);
        let hash = if is_key { key::hash(token) } else { self.session_of(token)? };
        let asked_at_ms = self.clock().monotonic_ms();
        let believed = match self.inner.keys.get(&hash, asked_at_ms) {
            Some(believed) => believed,
            None => {
                let before = self.inner.keys.times_forgotten();
                let found = if is_key {
                    self.storage().principal(&hash).await?.map(Believed::Key)
                } else {
                    self.storage().session_principal(&hash).await?.map(Believed::Session)
                };
                let Some(believed) = found else {
                    self.inner.keys.believed.invalidate(&hash);
                    return Err(Error::NotAuthenticated);
                };
                // Believed from before the look-up, so a slow one does not stretch it.
                self.inner.keys.keep(hash, believed.clone(), asked_at_ms, before);
                believed
            }
        };
        self.caller(believed)
    }

    /// The hash by which the sign-in of an access token is found.
    fn session_of(&self, access_token: &str) -> Result<String, Error> {
        let claims = self.inner.access_tokens.read(access_token).ok_or(Error::NotAuthenticated)?;
        if claims.has_expired(self.clock().now()) {
            return Err(Error::TokenExpired);
        }
        Ok(claims.sid)
    }

    fn caller(&self, believed: Believed) -> Result<Caller, Error> {
        let now = self.clock().now();
        let (is_suspended, expires_at, plan) = match &believed {
            Believed::Key(key) => (key.is_suspended, key.key_expires_at, &key.plan),
            Believed::Session(session) => (session.is_suspended, Some(session.expires_at), &session.plan),
        };
        if expires_at.is_some_and(|at| at <= now) {
            return Err(Error::NotAuthenticated);
        }
        if is_suspended {
            return Err(sign_in::SUSPENDED);
        }
        let plan = plan.as_ref().filter(|(_, until)| now < *until).map(|(plan, _)| plan.clone());
        let plan = plan.unwrap_or_else(|| FREE_PLAN.to_owned());
        let account_id = believed.account_id();
        Ok(match believed {
            Believed::Key(key) => {
                self.inner.key_uses.note(account_id, key.key_id, now);
                Caller {
                    account_id,
                    key_id: Some(key.key_id),
                    plan,
                    key_budget_tokens: key.key_budget_tokens,
                    key_expires_at: key.key_expires_at,
                }
            }
            Believed::Session(_) => {
                Caller { account_id, key_id: None, plan, key_budget_tokens: None, key_expires_at: None }
            }
        })
    }

    /// Whether API keys work on the caller's plan, if the caller has come with one.
    ///
    /// # Errors
    /// [`Error::InsufficientPlan`] when they do not.
    pub fn require_api_access(&self, caller: &Caller) -> Result<(), Error> {
        if caller.key_id.is_none() {
            return Ok(());
        }
        if self.catalog().plan(&caller.plan).is_some_and(|plan| plan.api_access) {
            return Ok(());
        }
        let lowest = self.catalog().lowest_plan_with_api();
        let required_plan = lowest.map_or_else(|| "none".to_owned(), |plan| plan.slug.clone());
        Err(Error::InsufficientPlan { required_plan, plan: caller.plan.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_up_before_it_had_to_be_forgotten_is_not_believed() {
        let keys = KeyCache::new();
        let session = |account_id| {
            let expires_at = Timestamp::from_unix_ms(1_000);
            Believed::Session(SessionPrincipal { account_id, plan: None, is_suspended: false, expires_at })
        };
        let keep = |hash: &str, before| keys.keep(hash.to_owned(), session(AccountId(1)), 0, before);
        let before = keys.times_forgotten();
        keep("early", before);
        assert!(keys.get("early", 1).is_some());
        keys.forget_account(AccountId(1));
        keep("late", before);
        assert!(keys.get("early", 1).is_none() && keys.get("late", 1).is_none());
        keep("late", keys.times_forgotten());
        assert!(keys.get("late", 1).is_some());
    }
}

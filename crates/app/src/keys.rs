//! Keys: making them, listing them, revoking them, and noting when they were used.

use crate::{App, Caller, Error, key};
use domain::{
    id::{AccountId, KeyId},
    ledger::MAX_AMOUNT_TOKENS,
    params::FieldError,
    time::Timestamp,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use storage::{KeyOutcome, KeyRecord, NewKey};

const MAX_NAME_CHARS: usize = 100;
/// Keys that an account may have at a time; those that were revoked or have expired do not count.
const MAX_KEYS: u64 = 100;

/// A key to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateKey {
    /// What its owner calls it.
    pub name: String,
    /// NeuralBox tokens that it may use in a calendar month (UTC); any number where it is not said.
    pub monthly_budget: Option<i64>,
    /// The instant from which it is no longer valid; valid until it is revoked where it is not said.
    pub expires_at: Option<Timestamp>,
}

impl From<&str> for CreateKey {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// A key that was made. This is the only time it is shown.
#[derive(Clone, Debug)]
pub struct CreatedKey {
    /// Its id.
    pub id: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// The key itself.
    pub api_key: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// When keys were used last, since that was noted last.
#[derive(Default)]
pub(crate) struct KeyUses {
    uses: Mutex<BTreeMap<(AccountId, KeyId), Timestamp>>,
}

impl KeyUses {
    pub(crate) fn note(&self, account_id: AccountId, key_id: KeyId, at: Timestamp) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let used_at = uses.entry((account_id, key_id)).or_insert(at);
        *used_at = at.max(*used_at);
    }

    fn take(&self) -> Vec<(AccountId, KeyId, Timestamp)> {
        let uses = std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        uses.into_iter().map(|((account_id, key_id), at)| (account_id, key_id, at)).collect()
    }
}

impl App {
    /// Makes a key for an account.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is unknown or was erased, [`Error::Validation`].
    pub async fn create_key(
        &self,
        account_id: AccountId,
        request: impl Into<CreateKey> + Send,
    ) -> Result<CreatedKey, Error> {
        let request = request.into();
        let wrong = self.wrong_key(&request);
        if !wrong.is_empty() {
            return Err(Error::Validation(wrong));
        }
        let (new_key, key) = self.mint_key(account_id, request).await?;
        match self.storage().create_key(new_key, MAX_KEYS).await? {
            KeyOutcome::Stored => Ok(key),
            KeyOutcome::NoAccount => Err(Error::NotFound("account")),
            KeyOutcome::TooMany => {
                let message = format!("would be the key after the {MAX_KEYS} that an account may have");
                Err(Error::Validation(vec![FieldError::new("name", message)]))
            }
        }
    }

    /// As [`Self::create_key`], for the holder of a key. One that is limited makes no others, or its limits were none.
    ///
    /// # Errors
    /// As [`Self::create_key`], [`Error::LimitedKey`], and [`Error::NotAuthenticated`] for an account that was just erased.
    pub async fn create_key_by(&self, caller: &Caller, request: CreateKey) -> Result<CreatedKey, Error> {
        if caller.has_limited_key() {
            return Err(Error::LimitedKey);
        }
        self.create_key(caller.account_id, request).await.map_err(|error| match error {
            // It was erased after the caller had been let in.
            Error::NotFound(_) => Error::NotAuthenticated,
            error => error,
        })
    }

    /// What is wrong with a key that is to be made.
    pub fn wrong_key(&self, request: &CreateKey) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let has_length = (1..=MAX_NAME_CHARS).contains(&request.name.chars().count());
        if !has_length || request.name.chars().any(char::is_control) {
            let message = format!("must be 1 to {MAX_NAME_CHARS} printable characters");
            errors.push(FieldError::new("name", message));
        }
        if request.monthly_budget.is_some_and(|tokens| !(1..=MAX_AMOUNT_TOKENS).contains(&tokens)) {
            let error = FieldError::new("monthly_budget", "must be a whole number within the range");
            errors.push(error.allowing([format!("1..{MAX_AMOUNT_TOKENS}")]));
        }
        if request.expires_at.is_some_and(|at| at <= self.clock().now()) {
            errors.push(FieldError::new("expires_at", "must lie ahead"));
        }
        errors
    }

    /// A fresh key: what is stored of it, and what its owner gets.
    pub(crate) async fn mint_key(
        &self,
        account_id: AccountId,
        request: CreateKey,
    ) -> Result<(NewKey, CreatedKey), Error> {
        let api_key = key::generate().map_err(|error| Error::Internal(error.to_string()))?;
        let id = KeyId(self.storage().next_id().await?);
        let (name, created_at) = (request.name, self.clock().now());
        let new_key = NewKey {
            account_id,
            id,
            name: name.clone(),
            prefix: key::shown_prefix(&api_key).to_owned(),
            key_hash: key::hash(&api_key),
            monthly_budget_tokens: request.monthly_budget,
            expires_at: request.expires_at,
            created_at,
        };
        Ok((new_key, CreatedKey { id, name, api_key, created_at }))
    }

    /// An account's keys, oldest first, revoked ones included.
    ///
    /// # Errors
    /// The database's.
    pub async fn keys(&self, account_id: AccountId) -> Result<Vec<KeyRecord>, Error> {
        Ok(self.storage().keys(account_id).await?)
    }

    /// An account's keys, oldest first, without those that were revoked or have expired.
    ///
    /// # Errors
    /// The database's.
    pub async fn valid_keys(&self, account_id: AccountId) -> Result<Vec<KeyRecord>, Error> {
        let (mut keys, now) = (self.keys(account_id).await?, self.clock().now());
        keys.retain(|key| key.revoked_at.is_none() && key.expires_at.is_none_or(|at| now < at));
        Ok(keys)
    }

    /// Revokes a key for good; this node refuses it at once, and every other one within 5 s.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the account has no such key, or it was revoked before.
    pub async fn revoke_key(&self, account_id: AccountId, key_id: KeyId) -> Result<(), Error> {
        if !self.storage().revoke_key(account_id, key_id).await? {
            return Err(Error::NotFound("key"));
        }
        self.inner.keys.forget(account_id, key_id);
        Ok(())
    }

    /// As [`Self::revoke_key`], for the holder of a key. One that is limited revokes no other.
    ///
    /// # Errors
    /// As [`Self::revoke_key`], and [`Error::LimitedKey`].
    pub async fn revoke_key_by(&self, caller: &Caller, key_id: KeyId) -> Result<(), Error> {
        if caller.has_limited_key() && caller.key_id != Some(key_id) {
            return Err(Error::LimitedKey);
        }
        self.revoke_key(caller.account_id, key_id).await
    }

    /// Writes down when keys were used, as this process has seen it. To be called now and then.
    ///
    /// # Errors
    /// The database's; it is written down the next time.
    pub async fn note_key_uses(&self) -> Result<(), Error> {
        let uses = self.inner.key_uses.take();
        let noted = self.storage().note_key_uses(&uses).await;
        if noted.is_err() {
            for (account_id, key_id, at) in uses {
                self.inner.key_uses.note(account_id, key_id, at);
            }
        }
        Ok(noted?)
    }
}

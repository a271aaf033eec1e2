//! Suspending accounts, and erasing the person behind one.

use crate::{App, Caller, Error};
use domain::id::AccountId;
use std::time::Duration;

/// Milliseconds after which an erased account is looked at once more: by then no process believes in its keys and sign-ins any
/// longer, and what was begun with them has been written.
const LOOK_AGAIN_MS: i64 = 60_000;
/// Milliseconds between looks at one of which something has to stay for now.
const WAIT_MS: i64 = 60 * 60 * 1_000;
/// Milliseconds for which an account is left to the worker that has claimed it.
const LEASE_MS: i64 = 10 * 60 * 1_000;
/// What one go at an account may take, so that a payment service that does not answer, or an account that has asked for a great
/// deal, keeps neither a client nor the other accounts waiting. What is done stays done.
const MAX_GO: Duration = Duration::from_secs(30);
/// Erased accounts that one round looks at.
const ROUND_LEN: usize = 20;

impl App {
    /// Lets nothing be done with an account until [`App::resume_account`]: here at once, on other processes within 5 s. What
    /// it has begun goes on, and its subscription too.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn suspend_account(&self, account_id: AccountId) -> Result<(), Error> {
        self.set_suspended(account_id, true).await
    }

    /// Takes [`App::suspend_account`] back.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn resume_account(&self, account_id: AccountId) -> Result<(), Error> {
        self.set_suspended(account_id, false).await
    }

    async fn set_suspended(&self, account_id: AccountId, suspended: bool) -> Result<(), Error> {
        let since = suspended.then(|| self.clock().now());
        if !self.storage().set_suspended(account_id, since).await? {
            return Err(Error::NotFound("account"));
        }
        self.inner.keys.forget_account(account_id);
        Ok(())
    }

    /// As [`App::erase_account`], for its owner. A key that is limited cannot.
    ///
    /// # Errors
    /// [`Error::LimitedKey`], and as [`App::erase_account`].
    pub async fn erase_account_by(&self, caller: &Caller) -> Result<(), Error> {
        if caller.has_limited_key() {
            return Err(Error::LimitedKey);
        }
        self.erase_account(caller.account_id).await
    }

    /// Erases the person behind an account: name, addresses, password, sign-ins, keys, and what was asked, answered and stored.
    /// Its subscription ends, and what it has begun is canceled. Movements of tokens and money stay, as nobody's. What cannot
    /// be done now the worker does, however often this process is killed meanwhile. A repeat is harmless.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the database's, and then nothing may have happened.
    pub async fn erase_account(&self, account_id: AccountId) -> Result<(), Error> {
        let now = self.clock().now();
        if !self.storage().begin_erasure(account_id, now, now.plus_ms(LOOK_AGAIN_MS)).await? {
            return Err(Error::NotFound("account"));
        }
        self.inner.keys.forget_account(account_id);
        match tokio::time::timeout(MAX_GO, self.erase_rest(account_id)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(account_id = account_id.0, %error, "the rest of an account is erased later");
            }
            Err(_) => tracing::warn!(account_id = account_id.0, "an account takes long to be erased"),
        }
        Ok(())
    }

    /// Looks at erased accounts of which something may be left, and says of how many nothing is any more. Any number of workers
    /// may, at the same time.
    ///
    /// # Errors
    /// The database's; what was done before stays done.
    pub async fn finish_erasures(&self) -> Result<usize, Error> {
        let mut finished = 0;
        for _ in 0..ROUND_LEN {
            let now = self.clock().now();
            let leased_until = now.plus_ms(LEASE_MS);
            let Some(account_id) = self.storage().claim_erasure(now, leased_until).await? else { break };
            let going = async {
                // Whoever was on the way in when the erasure began is in by now.
                self.storage().begin_erasure(account_id, now, leased_until).await?;
                self.inner.keys.forget_account(account_id);
                self.erase_rest(account_id).await
            };
            // One that cannot be finished is left for later, and holds up none of the others.
            let is_done = match tokio::time::timeout(MAX_GO, going).await {
                Ok(Ok(is_done)) => is_done,
                Ok(Err(error)) => {
                    tracing::warn!(account_id = account_id.0, %error, "an account is not erased yet");
                    false
                }
                Err(_) => {
                    tracing::warn!(account_id = account_id.0, "an account takes long to be erased");
                    // It goes on when the lease has ended.
                    continue;
                }
            };
            let due_at = (!is_done).then(|| now.plus_ms(WAIT_MS));
            self.storage().end_erasure_claim(account_id, leased_until, due_at).await?;
            finished += usize::from(is_done);
        }
        Ok(finished)
    }

    /// Removes what is left of an erased account's person. Whether that is all: who has paid is known until the money has come
    /// to rest.
    async fn erase_rest(&self, account_id: AccountId) -> Result<bool, Error> {
        for id in self.storage().pending_generations(account_id).await? {
            self.release_pending(account_id, id, &Error::Canceled).await?;
        }
        self.storage().erase_contents(account_id, self.clock().now()).await?;
        Box::pin(self.stop_billing(account_id)).await?;
        Ok(self.storage().erase_payers(account_id).await?)
    }
}

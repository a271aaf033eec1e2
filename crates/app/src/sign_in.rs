//! Signing in on the web: by e-mail address and password, or by Telegram. `docs/sign-in.md` tells how its tokens work.

mod access_token;
mod attempts;
mod passwords;
mod refresh_token;
mod telegram;

pub(crate) use access_token::AccessTokens;
pub(crate) use attempts::Attempts;
pub(crate) use passwords::Passwords;

use crate::{App, Error, profile};
use access_token::LIFE_S;
use domain::{id::AccountId, params::FieldError, time::Timestamp};
use refresh_token::RefreshToken;
use secrecy::SecretString;
use serde_json::{Map, Value};
use storage::{AccountRecord, Identity, LedgerError, NewAccount, SessionRecord};

/// What a deployment decides about signing in.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// The bot whose login widget is believed, where there is one.
    pub telegram_bot_token: Option<SecretString>,
    /// Milliseconds after which a sign-in is over, however often it was refreshed.
    pub session_ms: i64,
    /// Wrong passwords for one e-mail address within a quarter of an hour, in this process, after which no more are looked at.
    pub max_attempts: u32,
    /// What it costs to try a password.
    pub password: PasswordCost,
}

/// What it costs to try a password, by argon2id.
#[derive(Clone, Copy, Debug)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Passwords that are hashed at the same time in this process. Eight times as many may wait.
    pub at_once: usize,
}

/// Somebody who has just signed in, or refreshed that.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// What stands in place of an API key for the next quarter of an hour.
    pub access_token: String,
    /// Seconds for which that is good.
    pub expires_in_s: i64,
    /// What another access token is had for, once.
    pub refresh_token: String,
    /// The instant from which the sign-in is over.
    pub session_expires_at: Timestamp,
    /// Who it is.
    pub account: AccountRecord,
    /// The slug of the plan in force now.
    pub plan: String,
    /// NeuralBox tokens that are free to spend.
    pub token_balance: i64,
    /// Whether the account was opened for that.
    pub is_new: bool,
}

const WRONG_CREDENTIALS: Error = Error::NotSignedIn("the e-mail address or the password is wrong");
const SESSION_OVER: Error = Error::NotSignedIn("this sign-in is over; please sign in again");
pub(crate) const SUSPENDED: Error = Error::NotSignedIn("this account is suspended");

impl App {
    /// Whether browsers reach this service by TLS.
    pub fn is_https(&self) -> bool {
        self.inner.settings.public_url().starts_with("https://")
    }

    /// Opens an account on the free plan, with what that gives, and signs its person in.
    ///
    /// # Errors
    /// [`Error::Validation`], also for an address that has an account; [`Error::Overloaded`].
    pub async fn register(&self, email: &str, password: &str, name: &str) -> Result<SignedIn, Error> {
        let (email, name) = (email.trim(), name.trim());
        let wrong = Self::wrong_registration(email, password, name);
        if !wrong.is_empty() {
            return Err(Error::Validation(wrong));
        }
        let password_hash = Some(self.inner.passwords.hash(password).await?);
        let identity = Identity::Email { email: email.to_owned(), password_hash };
        match self.open_account(name.to_owned(), None, identity).await {
            Ok(account_id) => self.begin_first_session(account_id).await,
            Err(LedgerError::Storage(storage::Error::EmailTaken)) => {
                let message = "belongs to an account already: sign in instead";
                Err(Error::Validation(vec![FieldError::new("email", message)]))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What is wrong with what somebody would register with, as far as it tells by itself.
    pub fn wrong_registration(email: &str, password: &str, name: &str) -> Vec<FieldError> {
        let (email, name) = (email.trim(), name.trim());
        let wrong = [profile::wrong_email(email), passwords::wrong(password), profile::wrong_name(name)];
        wrong.into_iter().flatten().collect()
    }

    /// Sets the password by which an account's owner signs in, and ends the sign-ins there are.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is unknown or was erased; [`Error::Validation`], also for an account without an
    /// e-mail address to sign in by; [`Error::Overloaded`].
    pub async fn set_password(&self, account_id: AccountId, password: &str) -> Result<(), Error> {
        let account = self.storage().account(account_id).await?;
        let account =
            account.filter(|account| account.erased_at.is_none()).ok_or(Error::NotFound("account"))?;
        let needs_email =
            || FieldError::new("email", "is needed to sign in by a password, and there is none");
        let wrong = [passwords::wrong(password), account.email.is_none().then(needs_email)];
        let wrong: Vec<FieldError> = wrong.into_iter().flatten().collect();
        if !wrong.is_empty() {
            return Err(Error::Validation(wrong));
        }
        let hash = self.inner.passwords.hash(password).await?;
        if !self.storage().set_password(account_id, hash).await? {
            return Err(Error::NotFound("account"));
        }
        self.end_sessions(account_id).await
    }

    /// Signs somebody in by a password. It takes as long, and says the same, whether there is such an account or not.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], [`Error::TooManyAttempts`], [`Error::Overloaded`].
    pub async fn log_in(&self, email: &str, password: &str) -> Result<SignedIn, Error> {
        let email = email.trim();
        let attempts = &self.inner.attempts;
        attempts.count(email, self.clock().monotonic_ms())?;
        let (account_id, hash) = self.storage().credentials(email).await?.unzip();
        let is_right = self.inner.passwords.verify(password, hash.flatten()).await?;
        let account_id = account_id.filter(|_| is_right).ok_or(WRONG_CREDENTIALS)?;
        attempts.forgive(email);
        self.begin_session(account_id).await
    }

    /// Signs somebody in by what Telegram's login widget gave their browser; opens an account for who has none.
    ///
    /// # Errors
    /// [`Error::NotFound`] where no bot is configured, [`Error::Validation`], [`Error::NotSignedIn`] when it is not genuine or
    /// too old.
    pub async fn log_in_by_telegram(&self, fields: &Map<String, Value>) -> Result<SignedIn, Error> {
        let bot_token = self.inner.settings.sign_in.telegram_bot_token.as_ref();
        let bot_token = bot_token.ok_or(Error::NotFound("sign-in by Telegram"))?;
        let user = telegram::verify(fields, bot_token, self.clock().now())?;
        if let Some(account) = self.storage().account_by_telegram(user.id).await? {
            if account.telegram_username != user.username {
                self.storage().note_telegram_username(account.id, user.username).await?;
            }
            return self.begin_session_of(account).await;
        }
        let identity = Identity::Telegram { id: user.id, username: user.username };
        match self.open_account(user.name, user.photo_url, identity).await {
            Ok(account_id) => self.begin_first_session(account_id).await,
            // The same person came twice at once, and this is the second.
            Err(LedgerError::Storage(storage::Error::TelegramTaken)) => {
                let account = self.storage().account_by_telegram(user.id).await?;
                self.begin_session_of(account.ok_or(Error::Moved)?).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives new tokens for a refresh token, which is good once. One that was used before is in the wrong hands, or this one
    /// is: the whole sign-in ends.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`]; [`Error::RefreshedElsewhere`] for all but one of those who come with a good token at the same
    /// time.
    pub async fn refresh(&self, refresh_token: &str) -> Result<SignedIn, Error> {
        let token = RefreshToken::parse(refresh_token).ok_or(SESSION_OVER)?;
        let session = self.storage().session(&token.family_hash()).await?.ok_or(SESSION_OVER)?;
        if !token.is_behind(&session.token_hash) {
            let account_id = session.account_id.0;
            tracing::warn!(account_id, "a refresh token was used twice: its sign-in ends");
            self.end_session(&session).await?;
            return Err(SESSION_OVER);
        }
        if session.expires_at <= self.clock().now() {
            return Err(SESSION_OVER);
        }
        let account = self.storage().account(session.account_id).await?.ok_or(SESSION_OVER)?;
        if account.suspended_at.is_some() {
            return Err(SUSPENDED);
        }
        let next = token.next()?;
        if !self.storage().rotate_session(&session, &next.hash()).await? {
            return Err(Error::RefreshedElsewhere);
        }
        self.signed_in(account, &session, &next).await
    }

    /// Ends the sign-ins that a refresh token and an access token belong to, whichever of them are given. What belongs to none
    /// changes nothing.
    ///
    /// # Errors
    /// The database's.
    pub async fn log_out(
        &self,
        refresh_token: Option<&str>,
        access_token: Option<&str>,
    ) -> Result<(), Error> {
        let refreshed = refresh_token.and_then(RefreshToken::parse).map(|token| token.family_hash());
        let accessed = access_token.and_then(|token| self.inner.access_tokens.read(token));
        for family_hash in [refreshed, accessed.map(|claims| claims.sid)].into_iter().flatten() {
            if let Some(session) = self.storage().session(&family_hash).await? {
                self.end_session(&session).await?;
            }
        }
        Ok(())
    }

    /// Ends all of an account's sign-ins: here at once, on other processes within 5 s. Its keys go on working.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_sessions(&self, account_id: AccountId) -> Result<(), Error> {
        self.storage().end_sessions(account_id, None).await?;
        self.inner.keys.forget_account(account_id);
        Ok(())
    }

    async fn end_session(&self, session: &SessionRecord) -> Result<(), Error> {
        self.storage().end_sessions(session.account_id, Some(&session.family_hash)).await?;
        self.inner.keys.forget_account(session.account_id);
        Ok(())
    }

    async fn begin_first_session(&self, account_id: AccountId) -> Result<SignedIn, Error> {
        Ok(SignedIn { is_new: true, ..self.begin_session(account_id).await? })
    }

    async fn begin_session(&self, account_id: AccountId) -> Result<SignedIn, Error> {
        let account = self.storage().account(account_id).await?;
        self.begin_session_of(account.ok_or(Error::Moved)?).await
    }

    async fn begin_session_of(&self, account: AccountRecord) -> Result<SignedIn, Error> {
        if account.suspended_at.is_some() {
            return Err(SUSPENDED);
        }
        let now = self.clock().now();
        let token = RefreshToken::generate()?;
        let session = SessionRecord {
            account_id: account.id,
            family_hash: token.family_hash(),
            token_hash: token.hash(),
            created_at: now,
            expires_at: now.plus_ms(self.inner.settings.sign_in.session_ms),
        };
        self.storage().create_session(session.clone()).await?;
        self.signed_in(account, &session, &token).await
    }

    async fn signed_in(
        &self,
        account: AccountRecord,
        session: &SessionRecord,
        token: &RefreshToken,
    ) -> Result<SignedIn, Error> {
        let balance = self.balance_of(account.id).await?;
        let now = self.clock().now();
        Ok(SignedIn {
            access_token: self.inner.access_tokens.sign(account.id, &session.family_hash, now)?,
            expires_in_s: LIFE_S,
            refresh_token: token.to_text(),
            session_expires_at: session.expires_at,
            account,
            plan: balance.plan,
            token_balance: balance.token_balance,
            is_new: false,
        })
    }

    /// Opens an account on the free plan, without a key.
    async fn open_account(
        &self,
        name: String,
        avatar_url: Option<String>,
        identity: Identity,
    ) -> Result<AccountId, LedgerError> {
        let id = AccountId(self.storage().next_id().await?);
        let starter = self.starter(id, &identity).await?;
        let account = NewAccount { id, name, avatar_url, identity, starter };
        self.storage().create_account(account, None, Vec::new()).await?;
        Ok(id)
    }
}

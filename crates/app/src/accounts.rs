//! Opening accounts, and giving tokens.

use crate::{App, CreatedKey, Error};
use domain::{
    id::{AccountId, CycleId, GrantId},
    ledger::{Command, Cycle, OpenCycle, Reason},
    params::FieldError,
    plan::FREE_PLAN,
};
use storage::{AccountRecord, Completion, Identity, NewAccount, Starter};

const MAX_EMAIL_CHARS: usize = 254;
/// What a person who has had the starter tokens is remembered for, and nothing else is.
const STARTER: &str = "starter grant";

/// An account to be opened.
#[derive(Clone, Debug)]
pub struct CreateAccount {
    /// Its e-mail address.
    pub email: String,
    /// The slug of its plan.
    pub plan: String,
    /// Permanent NeuralBox tokens on top of what the plan gives.
    pub tokens: i64,
}

/// An account that was opened.
#[derive(Clone, Debug)]
pub struct CreatedAccount {
    /// Its id.
    pub account_id: AccountId,
    /// Its first key.
    pub key: CreatedKey,
}

impl App {
    /// Opens an account with its first cycle (or, on a plan that does not recur, its tokens for good) and its first key.
    ///
    /// # Errors
    /// [`Error::Validation`], [`Error::EmailTaken`], or the database's; there is no account then.
    pub async fn create_account(&self, request: CreateAccount) -> Result<CreatedAccount, Error> {
        let email = check_email(&request.email)?;
        let Some(plan) = self.catalog().plan(&request.plan) else {
            let plans = self.catalog().plans().iter().map(|plan| plan.slug.as_str());
            return Err(Error::Validation(vec![FieldError::new("plan", "is no plan").allowing(plans)]));
        };
        let account_id = AccountId(self.storage().next_id().await?);
        let mut account = NewAccount::of_email(account_id, email);
        let mut opening = Vec::new();
        if plan.recurring {
            let cycle = self.first_cycle(account_id, &plan.slug, plan.tokens).await?;
            opening.push(Command::OpenCycle(cycle));
        } else {
            account.starter = self.starter(account_id, &account.identity).await?;
        }
        if request.tokens != 0 {
            opening.push(self.grant_command(account_id, Reason::Grant, request.tokens).await?);
        }
        let (new_key, key) = self.mint_key(account_id, "default".into()).await?;
        self.storage().create_account(account, Some(new_key), opening).await?;
        Ok(CreatedAccount { account_id, key })
    }

    /// What somebody's first account on the free plan begins with.
    pub(crate) async fn starter(
        &self,
        account_id: AccountId,
        identity: &Identity,
    ) -> Result<Option<Starter>, storage::Error> {
        let tokens = self.catalog().plan(FREE_PLAN).map_or(0, |plan| plan.tokens);
        if tokens == 0 {
            return Ok(None);
        }
        let person = match identity {
            Identity::Email { email, .. } => format!("email {}", email.to_lowercase()),
            Identity::Telegram { id, .. } => format!("telegram {id}"),
        };
        let identity_hash = self.inner.master_secret.pseudonym(STARTER, &person);
        Ok(Some(Starter {
            identity_hash,
            grant: self.grant_command(account_id, Reason::Starter, tokens).await?,
        }))
    }

    async fn first_cycle(&self, account_id: AccountId, plan: &str, tokens: i64) -> Result<OpenCycle, Error> {
        let id = CycleId(self.storage().next_id().await?);
        let starts_at = self.clock().now();
        let ends_at =
            starts_at.plus_months(1).ok_or_else(|| Error::Internal("the calendar ends".to_owned()))?;
        let cycle = Cycle { id, plan: plan.to_owned(), starts_at, ends_at, plan_until: ends_at };
        Ok(OpenCycle { account_id, cycle, allowance_tokens: tokens, paid_by: None })
    }

    pub(crate) async fn grant_command(
        &self,
        account_id: AccountId,
        reason: Reason,
        amount_tokens: i64,
    ) -> Result<Command<Completion>, storage::Error> {
        let grant_id = GrantId(self.storage().next_id().await?);
        Ok(Command::Grant { account_id, grant_id, reason, amount_tokens })
    }

    /// Gives an account permanent tokens, and says what it can spend then.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown account, [`Error::Validation`] for an amount out of range.
    pub async fn grant(&self, account_id: AccountId, tokens: i64) -> Result<i64, Error> {
        let command = self.grant_command(account_id, Reason::Grant, tokens).await?;
        self.storage().ledger().run(command).await?;
        let wallet = self.storage().ledger().wallet(account_id).await?;
        Ok(wallet.spendable_tokens(self.clock().now()))
    }

    /// The account of that e-mail address.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn account_by_email(&self, email: &str) -> Result<AccountRecord, Error> {
        self.storage().account_by_email(email).await?.ok_or(Error::NotFound("account"))
    }
}

/// An address is taken as it is, but for blanks around it.
fn check_email(email: &str) -> Result<String, Error> {
    let email = email.trim();
    if is_email(email) { Ok(email.to_owned()) } else { Err(Error::Validation(vec![no_email("email")])) }
}

/// Whether a text is an e-mail address, so far as it can be told: something, an at sign, something.
pub(crate) fn is_email(text: &str) -> bool {
    let has_form = text
        .split_once('@')
        .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty() && !host.contains('@'));
    let is_clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    has_form && is_clean && text.len() <= MAX_EMAIL_CHARS
}

/// Says that `field` is no e-mail address.
pub(crate) fn no_email(field: &str) -> FieldError {
    FieldError::new(field, format!("must be an e-mail address of at most {MAX_EMAIL_CHARS} characters"))
}

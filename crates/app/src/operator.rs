//! What operators look up of accounts and generations, and do to them; and the trail that this leaves.

use crate::{App, Error, key};
use domain::{
    billing::{Payment, Subscription},
    id::{AccountId, GenerationId},
    ledger::{Command, Outcome, Reason, Refunded, Refusal, Wallet},
    params::FieldError,
    plan::FREE_PLAN,
};
use storage::{
    AccountRecord, AuditFilter, AuditNote, AuditOutcome, AuditRecord, GenerationRecord, KeyRecord,
    LedgerError,
};

/// Characters of a key by which operators find its account: those that its owner may see again.
pub const KEY_PREFIX_CHARS: usize = key::SHOWN_LEN;
/// Payments that an overview names.
const LAST_PAYMENTS: u64 = 5;
/// Accounts that are named when several have keys that begin alike.
const MAX_NAMED: u64 = 10;

/// What an operator must know of an account.
#[derive(Clone, Debug)]
pub struct AccountOverview {
    /// Who it is.
    pub account: AccountRecord,
    /// Its tokens, and its cycle.
    pub wallet: Wallet,
    /// The plan in force.
    pub plan: String,
    /// NeuralBox tokens that it can spend now.
    pub token_balance: i64,
    /// The subscription that runs, if one does.
    pub subscription: Option<Subscription>,
    /// Its keys, oldest first.
    pub keys: Vec<KeyRecord>,
    /// Its last payments, newest first.
    pub payments: Vec<Payment>,
}

impl App {
    /// What there is to know of an account.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the database's.
    pub async fn account_overview(&self, id: AccountId) -> Result<AccountOverview, Error> {
        let account = self.storage().account(id).await?.ok_or(Error::NotFound("account"))?;
        let wallet = self.storage().ledger().wallet(id).await?;
        let now = self.clock().now();
        Ok(AccountOverview {
            plan: wallet.plan(now).unwrap_or(FREE_PLAN).to_owned(),
            token_balance: wallet.spendable_tokens(now),
            subscription: self.live_subscription(id).await?,
            keys: self.storage().keys(id).await?,
            payments: self.payments(id, 0, LAST_PAYMENTS).await?.0,
            account,
            wallet,
        })
    }

    /// The account that has, or had, a key which begins so. More of the key than its first [`KEY_PREFIX_CHARS`] is not looked at.
    ///
    /// # Errors
    /// [`Error::Validation`] when that is too little of a key, or several accounts have such a key; [`Error::NotFound`].
    pub async fn account_by_key(&self, beginning: &str) -> Result<AccountId, Error> {
        let wrong = |message: String| Error::Validation(vec![FieldError::new("key", message)]);
        let prefix = beginning.get(..KEY_PREFIX_CHARS);
        let prefix =
            prefix.ok_or_else(|| wrong(format!("must be the first {KEY_PREFIX_CHARS} characters")))?;
        let found = self.storage().accounts_by_key_prefix(prefix, MAX_NAMED).await?;
        match found.as_slice() {
            [] => Err(Error::NotFound("key")),
            [one] => Ok(*one),
            several => {
                let ids = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Err(wrong(format!("several accounts have keys that begin so: {ids}")))
            }
        }
    }

    /// A generation, whosesoever it is. Without its account it is looked for at all of them.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the database's.
    pub async fn find_generation(
        &self,
        id: GenerationId,
        account_id: Option<AccountId>,
    ) -> Result<GenerationRecord, Error> {
        let account_id = match account_id {
            Some(id) => Some(id),
            None => self.storage().owner_of_generation(id).await?,
        };
        let found = match account_id {
            Some(account_id) => self.storage().generation(account_id, id).await?,
            None => None,
        };
        found.ok_or(Error::NotFound("generation"))
    }

    /// As [`App::grant`], with an entry in the trail.
    ///
    /// # Errors
    /// As [`App::grant`].
    pub async fn grant_noted(
        &self,
        account_id: AccountId,
        tokens: i64,
        note: AuditNote,
    ) -> Result<i64, Error> {
        let command = self.grant_command(account_id, Reason::Grant, tokens).await?;
        self.storage().run_noted(command, note).await?;
        Ok(self.balance_of(account_id).await?.token_balance)
    }

    /// Takes permanent tokens from an account for good, with an entry in the trail, and says what it can spend then.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Validation`] for an amount out of range, or one that is not free: tokens in holds, and
    /// those of a plan, are not taken.
    pub async fn take_noted(
        &self,
        account_id: AccountId,
        amount_tokens: i64,
        note: AuditNote,
    ) -> Result<i64, Error> {
        let source_id = self.storage().next_id().await?;
        let command = Command::Take { account_id, source_id, amount_tokens };
        match self.storage().run_noted(command, note).await {
            Ok(_) => Ok(self.balance_of(account_id).await?.token_balance),
            Err(LedgerError::Refused(Refusal::InsufficientTokens { available_tokens, .. })) => {
                let message = format!(
                    "the account has {available_tokens} permanent tokens that no generation holds; no others are taken"
                );
                Err(Error::Validation(vec![FieldError::new("tokens", message)]))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives back what a completed generation has cost, with an entry in the trail: permanent tokens, and plan tokens whose
    /// cycle still runs. A second time changes nothing, and says what the first one did.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Validation`] when it was not charged, or nothing of it can come back.
    pub async fn refund_generation(
        &self,
        account_id: AccountId,
        generation_id: GenerationId,
        note: AuditNote,
    ) -> Result<Refunded, Error> {
        let command = Command::RefundCharge { account_id, generation_id };
        match self.storage().run_noted(command, note).await? {
            Outcome::Refunded(refunded) => Ok(refunded),
            other => Err(Error::Internal(format!("the ledger answered {other:?}"))),
        }
    }

    /// Enters in the trail that something begins which is no single write. [`App::note_ended`] follows.
    ///
    /// # Errors
    /// The database's; nothing may be done then.
    pub async fn note_begun(&self, note: AuditNote) -> Result<i64, Error> {
        Ok(self.storage().note_begun(note).await?)
    }

    /// Enters in the trail how that ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_ended(
        &self,
        begun_id: i64,
        note: AuditNote,
        outcome: AuditOutcome,
        message: Option<String>,
    ) -> Result<(), Error> {
        Ok(self.storage().note_ended(begun_id, note, outcome, message).await?)
    }

    /// The newest `limit` entries of the trail, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn audit_entries(&self, filter: AuditFilter, limit: u64) -> Result<Vec<AuditRecord>, Error> {
        Ok(self.storage().audit_entries(filter, limit).await?)
    }
}

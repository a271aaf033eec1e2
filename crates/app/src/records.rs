//! Reading what is on record.

mod entries;
mod history;
mod texts;
mod usage;

pub use entries::Entries;
pub use history::{HistoryPage, HistoryRequest, MAX_HISTORY_DEPTH};
pub use usage::{UsageStats, Used};

use crate::{App, Caller, Error};
use domain::{
    id::{AccountId, GenerationId},
    ledger::Wallet,
    time::Timestamp,
};
use storage::{GenerationRecord, GenerationStatus};

/// What an account can spend, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// NeuralBox tokens free to spend: of the running cycle, and permanent ones.
    pub token_balance: i64,
    /// The slug of the plan in force now.
    pub plan: String,
    /// When its cycle ends; `None` on the free plan.
    pub plan_expires_at: Option<Timestamp>,
}

/// A generation as its owner sees it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationView {
    /// Its record.
    pub record: GenerationRecord,
    /// NeuralBox tokens that the account can spend now.
    pub balance_tokens: i64,
    /// Percent done, while it runs and where its vendor tells.
    pub progress: Option<i64>,
    /// Where its answer is, when it is a file.
    pub result_url: Option<String>,
    /// Where a small picture of it is.
    pub thumbnail_url: Option<String>,
}

impl Balance {
    pub(crate) fn of(wallet: &Wallet, now: Timestamp) -> Self {
        let plan_cycle = wallet.cycle.as_ref().filter(|cycle| now < cycle.plan_until);
        Self {
            token_balance: wallet.spendable_tokens(now),
            plan: wallet.plan(now).unwrap_or(domain::plan::FREE_PLAN).to_owned(),
            plan_expires_at: plan_cycle.map(|cycle| cycle.ends_at),
        }
    }
}

impl App {
    /// What the caller can spend, read from the ledger.
    ///
    /// # Errors
    /// The database's.
    pub async fn balance(&self, caller: &Caller) -> Result<Balance, Error> {
        self.balance_of(caller.account_id).await
    }

    /// What an account can spend.
    ///
    /// # Errors
    /// The database's.
    pub async fn balance_of(&self, account_id: AccountId) -> Result<Balance, Error> {
        let wallet = self.storage().ledger().wallet(account_id).await?;
        Ok(Balance::of(&wallet, self.clock().now()))
    }

    /// A generation of the caller's. On a plan without API access it stays readable with the key that started it.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for somebody else's; [`Error::InsufficientPlan`].
    pub async fn generation(&self, caller: &Caller, id: GenerationId) -> Result<GenerationView, Error> {
        let record = self.storage().generation(caller.account_id, id).await?;
        if record.as_ref().is_none_or(|record| record.key_id != caller.key_id) {
            self.require_api_access(caller)?;
        }
        let record = record.ok_or(Error::NotFound("generation"))?;
        let wallet = self.storage().ledger().wallet(caller.account_id).await?;
        let progress = match record.status {
            GenerationStatus::Pending => {
                self.storage().job(caller.account_id, id).await?.and_then(|job| job.progress)
            }
            GenerationStatus::Completed | GenerationStatus::Failed => None,
        };
        Ok(self.view(record, wallet.spendable_tokens(self.clock().now()), progress))
    }

    pub(crate) fn view(
        &self,
        record: GenerationRecord,
        balance_tokens: i64,
        progress: Option<i64>,
    ) -> GenerationView {
        GenerationView {
            balance_tokens,
            progress,
            result_url: record.result_file.as_ref().map(|name| self.file_url(name)),
            thumbnail_url: record.thumbnail_file.as_ref().map(|name| self.file_url(name)),
            record,
        }
    }
}

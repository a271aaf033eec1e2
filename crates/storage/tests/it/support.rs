//! Accounts, holds and their ends in few words.

mod billing;

use domain::{
    catalog::Category,
    id::{AccountId, CycleId, GenerationId, GrantId, KeyId, NodeId},
    ledger::{
        Command, Cycle, Failure, HoldRequest, OpenCycle, RateLimits, Reason, Resolution, Resolved, Wallet,
    },
    port::Clock,
    time::{DAY_MS, Timestamp},
};
use std::sync::Arc;
use storage::{Completion, Hold, LedgerError, NewAccount, Storage};
use testkit::{ManualClock, TestDatabase};

/// Milliseconds that a test's cycle lasts.
pub(crate) const CYCLE_MS: i64 = 30 * DAY_MS;

pub(crate) struct Bench {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) storage: Storage,
}

impl Bench {
    pub(crate) async fn new(database: &TestDatabase) -> Self {
        let clock = Arc::new(ManualClock::default());
        Self { storage: database.storage(clock.clone()).await, clock }
    }

    pub(crate) async fn id(&self) -> i64 {
        self.storage.next_id().await.unwrap()
    }

    /// A new account with a running cycle of `plan` tokens (none for 0) and `permanent` ones.
    pub(crate) async fn account(&self, plan: i64, permanent: i64) -> AccountId {
        let id = AccountId(self.id().await);
        let mut opening = Vec::new();
        if plan > 0 {
            opening.push(Command::OpenCycle(self.cycle(id, plan).await));
        }
        if permanent > 0 {
            let grant_id = GrantId(self.id().await);
            let reason = Reason::Grant;
            opening.push(Command::Grant { account_id: id, grant_id, reason, amount_tokens: permanent });
        }
        let email = format!("{id}@example.org");
        self.storage.create_account(NewAccount::of_email(id, email), None, opening).await.unwrap();
        id
    }

    /// A cycle that starts now.
    pub(crate) async fn cycle(&self, account_id: AccountId, allowance_tokens: i64) -> OpenCycle {
        let starts_at = self.clock.now();
        let ends_at = starts_at.plus_ms(CYCLE_MS);
        let id = CycleId(self.id().await);
        let cycle = Cycle { id, plan: "vip".to_owned(), starts_at, ends_at, plan_until: ends_at };
        OpenCycle { account_id, cycle, allowance_tokens, paid_by: None }
    }

    pub(crate) async fn request(&self, account_id: AccountId, price_tokens: i64) -> HoldRequest {
        HoldRequest {
            account_id,
            generation_id: GenerationId(self.id().await),
            price_tokens,
            model_slug: "gpt-5".to_owned(),
            category: Category::Text,
            key_id: Some(KeyId(1)),
            node_id: NodeId(1),
            created_at: self.clock.now(),
            deadline_at: self.clock.now().plus_ms(60_000),
            limits: RateLimits::default(),
            key_budget_tokens: None,
            binding: None,
            vendor_cost_micro_usd: None,
            webhook_url: None,
            is_told: false,
        }
    }

    pub(crate) async fn hold(&self, account_id: AccountId, price_tokens: i64) -> Result<Hold, LedgerError> {
        self.storage.ledger().hold(self.request(account_id, price_tokens).await).await
    }

    pub(crate) async fn complete(&self, hold: Hold) -> Resolved {
        self.storage.ledger().resolve(hold, completed(), self.clock.now()).await.unwrap()
    }

    pub(crate) async fn fail(&self, hold: Hold) -> Resolved {
        self.storage.ledger().resolve(hold, failed(), self.clock.now()).await.unwrap()
    }

    pub(crate) async fn wallet(&self, account_id: AccountId) -> Wallet {
        self.storage.ledger().wallet(account_id).await.unwrap()
    }

    /// `[plan available, permanent available, plan held, permanent held]`
    pub(crate) async fn buckets(&self, account_id: AccountId) -> [i64; 4] {
        let wallet = self.wallet(account_id).await;
        [wallet.plan_available, wallet.permanent_available, wallet.plan_held, wallet.permanent_held]
    }

    pub(crate) async fn assert_verifies(&self) {
        let report = self.storage.ledger().verify().await.unwrap();
        assert_eq!(report.problems, []);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

pub(crate) fn completed() -> Resolution<Completion> {
    Resolution::Completed(Completion {
        prompt: Some("hello".into()),
        result_text: Some("world".into()),
        result_metadata: "{}".to_owned(),
        vendor_cost_micro_usd: Some(12),
        ..Completion::default()
    })
}

pub(crate) fn failed() -> Resolution<Completion> {
    Resolution::Failed(failure())
}

pub(crate) fn failure() -> Failure {
    Failure {
        error_code: "provider_error".to_owned(),
        message: "the vendor failed".to_owned(),
        details: Some(r#"{"kind":"overloaded"}"#.to_owned()),
        is_free: false,
    }
}

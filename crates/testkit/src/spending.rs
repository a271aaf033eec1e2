//! Spending tokens without any vendor: holds, and their ends.

use crate::{Account, ManualClock, Service};
use domain::{
    catalog::Category,
    id::{AccountId, GenerationId, NodeId},
    ledger::{EndedHold, Failure, HoldRequest, RateLimits, Resolution},
    port::Clock,
    time::{DAY_MS, Timestamp},
};
use std::sync::Arc;
use storage::{Completion, Storage};

/// Longer than any test leaves a hold open.
const PATIENCE_MS: i64 = 400 * DAY_MS;

/// A process that takes holds for tests. It counts as alive as long as nobody watches it.
#[derive(Clone)]
pub struct Spender {
    storage: Storage,
    clock: Arc<ManualClock>,
    node_id: NodeId,
}

impl Service {
    /// Enters a process for holds, on the same database.
    pub async fn spender(&self) -> Spender {
        let node_id = NodeId(self.storage.next_id().await.expect("the database answers"));
        self.storage.register_node(node_id).await.expect("the database answers");
        Spender { storage: self.storage.clone(), clock: self.clock.clone(), node_id }
    }
}

impl Spender {
    /// Takes a hold, if the balance covers it.
    pub async fn hold(&self, account: &Account, price_tokens: i64) -> Option<GenerationId> {
        self.hold_for(account, ("gpt-5", Category::Text), price_tokens, self.clock.now()).await
    }

    /// Takes a hold for that model, as a process does by whose clock it is `created_at`.
    pub async fn hold_for(
        &self,
        account: &Account,
        (model_slug, category): (&str, Category),
        price_tokens: i64,
        created_at: Timestamp,
    ) -> Option<GenerationId> {
        let id = GenerationId(self.storage.next_id().await.expect("the database answers"));
        let hold = self.storage.ledger().hold(HoldRequest {
            account_id: account.id,
            generation_id: id,
            price_tokens,
            model_slug: model_slug.to_owned(),
            category,
            key_id: Some(account.key_id),
            node_id: self.node_id,
            created_at,
            deadline_at: created_at.plus_ms(PATIENCE_MS),
            limits: RateLimits::default(),
            key_budget_tokens: None,
            binding: None,
            vendor_cost_micro_usd: None,
            webhook_url: None,
            is_told: false,
        });
        let hold = hold.await.ok()?;
        hold.leave_to_job();
        Some(id)
    }

    /// Ends a hold: spends it, or gives it back.
    pub async fn end(&self, account_id: AccountId, generation_id: GenerationId, completes: bool) {
        self.end_at(account_id, generation_id, completes, self.clock.now()).await;
    }

    /// Ends a hold whose generation ended at that time, by the clock of whoever ran it.
    pub async fn end_at(
        &self,
        account_id: AccountId,
        generation_id: GenerationId,
        completes: bool,
        ended_at: Timestamp,
    ) {
        let resolution = if completes {
            Resolution::Completed(Completion { result_metadata: "{}".to_owned(), ..Completion::default() })
        } else {
            Resolution::Failed(Failure {
                error_code: "vendor_error".to_owned(),
                message: String::new(),
                details: None,
                is_free: false,
            })
        };
        let ended = EndedHold { account_id, generation_id, ended_at, resolution };
        self.storage.ledger().resolve_job(ended).await.expect("the hold ends");
    }
}

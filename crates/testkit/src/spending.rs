//! Spending tokens without any vendor: holds, and their ends.

use crate::{Account, ManualClock, Service};
use domain::{
    id::{AccountId, GenerationId, NodeId},
    ledger::{EndedHold, Failure, HoldRequest, RateLimits, Resolution},
    port::Clock,
    time::DAY_MS,
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
        let now = self.clock.now();
        let id = GenerationId(self.storage.next_id().await.expect("the database answers"));
        let hold = self.storage.ledger().hold(HoldRequest {
            account_id: account.id,
            generation_id: id,
            price_tokens,
            model_slug: "gpt-5".to_owned(),
            key_id: account.key_id,
            node_id: self.node_id,
            created_at: now,
            deadline_at: now.plus_ms(PATIENCE_MS),
            limits: RateLimits::default(),
            key_budget_tokens: None,
            binding: None,
            vendor_cost_micro_usd: None,
        });
        let hold = hold.await.ok()?;
        hold.leave_to_job();
        Some(id)
    }

    /// Ends a hold: spends it, or gives it back.
    pub async fn end(&self, account_id: AccountId, generation_id: GenerationId, completes: bool) {
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
        let ended = EndedHold { account_id, generation_id, ended_at: self.clock.now(), resolution };
        self.storage.ledger().resolve_job(ended).await.expect("the hold ends");
    }
}

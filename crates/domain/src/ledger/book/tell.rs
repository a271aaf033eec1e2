//! What is told of generations' ends, to those who want to hear of it.

use super::{Book, StoredHold};
use crate::{
    id::GenerationId,
    ledger::Wallet,
    webhook::{EventType, LOW_BALANCE_PERCENT, Notice},
};
use serde_json::json;

impl<Done> Book<Done> {
    /// Tells that a generation has ended, and how the account stands `after` it.
    pub(super) fn tell_of_end(
        &mut self,
        after: &Wallet,
        hold: &StoredHold,
        generation_id: GenerationId,
        is_completed: bool,
    ) {
        if after.listens || hold.is_called_back {
            let event_type =
                if is_completed { EventType::GenerationCompleted } else { EventType::GenerationFailed };
            let (account_id, id) = (after.account_id, generation_id.0);
            self.notices.push(Notice { account_id, id, event_type, data: "{}".to_owned() });
        }
        if is_completed && after.listens {
            self.notices.extend(self.low_balance(after));
        }
    }

    /// That little is left of what the running cycle brought. The database keeps it once a cycle.
    fn low_balance(&self, wallet: &Wallet) -> Option<Notice> {
        let cycle = wallet.running_cycle(self.now)?;
        let allowance_tokens = *self.allowances.get(&wallet.account_id)?;
        let token_balance = wallet.spendable_tokens(self.now);
        let is_low = token_balance.saturating_mul(100) < allowance_tokens.saturating_mul(LOW_BALANCE_PERCENT);
        let data = json!({
            "token_balance": token_balance,
            "token_limit": allowance_tokens,
            "plan": cycle.plan,
            "cycle_ends_at": cycle.ends_at,
        });
        is_low.then(|| Notice {
            account_id: wallet.account_id,
            id: cycle.id.0,
            event_type: EventType::BalanceLow,
            data: data.to_string(),
        })
    }
}

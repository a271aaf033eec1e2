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
        let allowance_tokens = *self.allowances.get(&cycle.id)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{AccountId, CycleId},
        ledger::{Command, Cycle, EndedHold, Loaded, OpenCycle, Resolution, Split},
        time::Timestamp,
    };
    use std::collections::BTreeMap;

    /// A cycle that brings so many tokens follows one of 1,000 in the batch in which a generation ends. Gives what is told.
    fn told(allowance_tokens: i64, owed_tokens: i64) -> Vec<(i64, EventType)> {
        let (account_id, generation_id, now) =
            (AccountId(1), GenerationId(2), Timestamp::from_unix_ms(1_000));
        let cycle = |id| {
            let (starts_at, ends_at) = (Timestamp::from_unix_ms(id), Timestamp::from_unix_ms(9_000));
            Cycle { id: CycleId(id), plan: "vip".to_owned(), starts_at, ends_at, plan_until: ends_at }
        };
        let wallet = Wallet {
            plan_available: 999,
            plan_held: 1,
            owed_tokens,
            cycle: Some(cycle(3)),
            listens: true,
            ..Wallet::empty(account_id)
        };
        let hold = StoredHold {
            split: Split { plan_tokens: 1, permanent_tokens: 0 },
            cycle_id: Some(CycleId(3)),
            completed: None,
            key_month: None,
            runs_as_job: false,
            is_called_back: false,
            refunded_tokens: None,
        };
        let mut book = Book::new(
            now,
            Loaded {
                wallets: vec![wallet],
                holds: BTreeMap::from([((account_id, generation_id), hold)]),
                allowances: BTreeMap::from([(CycleId(3), 1_000)]),
                ..Loaded::default()
            },
        );
        let open = OpenCycle { account_id, cycle: cycle(4), allowance_tokens, paid_by: None };
        book.apply(Command::OpenCycle(open)).unwrap();
        let resolution = Resolution::Completed(());
        book.apply(Command::Resolve(EndedHold { account_id, generation_id, ended_at: now, resolution }))
            .unwrap();
        book.into_changes().notices.into_iter().map(|notice| (notice.id, notice.event_type)).collect()
    }

    #[test]
    fn a_balance_is_low_by_the_cycle_that_runs() {
        let completed = (2, EventType::GenerationCompleted);
        assert_eq!(told(50, 0), [completed], "50 of 50 are not little");
        assert_eq!(told(2_000, 1_900), [completed, (4, EventType::BalanceLow)], "100 of 2,000 are");
        assert_eq!(told(2_000, 1_800), [completed], "a tenth is not");
    }
}

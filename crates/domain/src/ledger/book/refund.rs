//! Giving back what a completed generation has cost.

use super::{Book, ChargeRefund};
use crate::{
    id::GenerationId,
    ledger::{Leg, Outcome, Reason, Refunded, Refusal, Split, Wallet},
};

impl<Done> Book<Done> {
    /// Permanent tokens come back; plan tokens do while their cycle runs, and else have expired with it. A debt is paid from
    /// them, as from all that is given.
    pub(super) fn refund_charge(
        &mut self,
        wallet: Wallet,
        generation_id: GenerationId,
    ) -> Result<Outcome, Refusal> {
        let key = (wallet.account_id, generation_id);
        let hold = self.holds.get_mut(&key).ok_or(Refusal::UnknownGeneration)?;
        if hold.completed != Some(true) {
            return Err(Refusal::NotCharged);
        }
        let Split { plan_tokens, permanent_tokens } = hold.split;
        let refunded = |plan_back: i64, is_first: bool| Refunded {
            split: Split { plan_tokens: plan_back, permanent_tokens },
            expired_tokens: plan_tokens.saturating_sub(plan_back),
            is_first,
        };
        if let Some(tokens) = hold.refunded_tokens {
            let earlier = refunded(tokens.saturating_sub(permanent_tokens), false);
            return Ok(Outcome::Refunded(earlier));
        }
        let cycle = wallet.running_cycle(self.now).map(|cycle| cycle.id);
        let plan_back = if cycle.is_some() && cycle == hold.cycle_id { plan_tokens } else { 0 };
        let tokens = plan_back.checked_add(permanent_tokens).ok_or(Refusal::BadAmount)?;
        if tokens == 0 {
            return Err(Refusal::ChargeExpired);
        }
        let after = Wallet {
            plan_available: wallet.plan_available.checked_add(plan_back).ok_or(Refusal::BadAmount)?,
            permanent_available: wallet
                .permanent_available
                .checked_add(permanent_tokens)
                .ok_or(Refusal::BadAmount)?,
            ..wallet
        };
        hold.refunded_tokens = Some(tokens);
        self.refunds.push(ChargeRefund { account_id: key.0, generation_id, tokens });
        let source_id = generation_id.0;
        self.enter(&after, Reason::ChargeRefund, source_id, (Leg::Spent, Leg::Permanent), permanent_tokens);
        self.enter(&after, Reason::ChargeRefundPlan, source_id, (Leg::Spent, Leg::Plan), plan_back);
        let after = self.pay_debt(after, source_id, Split { plan_tokens: plan_back, permanent_tokens });
        self.put(after);
        Ok(Outcome::Refunded(refunded(plan_back, true)))
    }

    /// Pays the account's debt from tokens that have just come back.
    fn pay_debt(&mut self, wallet: Wallet, source_id: i64, given: Split) -> Wallet {
        let permanent = self.recover(&wallet, source_id, Leg::Permanent, given.permanent_tokens);
        let wallet = Wallet {
            permanent_available: wallet.permanent_available.saturating_sub(permanent),
            owed_tokens: wallet.owed_tokens.saturating_sub(permanent),
            ..wallet
        };
        let plan = self.recover(&wallet, source_id, Leg::Plan, given.plan_tokens);
        Wallet {
            plan_available: wallet.plan_available.saturating_sub(plan),
            owed_tokens: wallet.owed_tokens.saturating_sub(plan),
            ..wallet
        }
    }
}

//! Entering what was bought in the ledger, which takes each thing once.

use super::decide::{broken, subscription_of, window_of};
use crate::{App, Error};
use domain::{
    billing::{Payment, PaymentKind, PaymentStatus},
    id::GrantId,
    ledger::{Command, Cycle, OpenCycle, PaidCycle, Reason},
};
use storage::Completion;

impl App {
    pub(super) async fn enter_payment(&self, mut payment: Payment) -> Result<Payment, Error> {
        let command = match payment.kind {
            PaymentKind::Package => Command::Grant {
                account_id: payment.account_id,
                grant_id: GrantId(payment.id.0),
                reason: Reason::Package,
                amount_tokens: payment.tokens,
            },
            PaymentKind::Subscription | PaymentKind::Renewal => self.cycle_of(&payment).await?,
        };
        self.storage().ledger().run(command).await?;
        payment.status = PaymentStatus::Succeeded;
        payment.due_at = None;
        self.save_payment(payment).await
    }

    /// The cycle that a payment buys. Its plan is kept beyond its end as long as a renewal may still come.
    async fn cycle_of(&self, payment: &Payment) -> Result<Command<Completion>, Error> {
        let subscription_id = subscription_of(payment)?;
        let (Some(id), Some(cycle_index)) = (payment.cycle_id, payment.cycle_index) else {
            return Err(broken(payment));
        };
        let subscription = self.storage().subscription(payment.account_id, subscription_id).await?;
        let subscription = subscription.ok_or_else(|| broken(payment))?;
        let window = window_of(payment, subscription.anchor).ok_or_else(|| broken(payment))?;
        let is_current = subscription.is_live() && subscription.cycle_id == id;
        let plan_until = if is_current { subscription.plan_until(self.rules()) } else { window.ends_at };
        Ok(Command::OpenCycle(OpenCycle {
            account_id: payment.account_id,
            cycle: Cycle {
                id,
                plan: payment.item.clone(),
                starts_at: window.starts_at,
                ends_at: window.ends_at,
                plan_until,
            },
            allowance_tokens: payment.tokens,
            paid_by: Some(PaidCycle { subscription_id, cycle_index, payment_id: payment.id }),
        }))
    }
}

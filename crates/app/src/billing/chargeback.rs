//! Money that a service has taken back without us: what it bought is taken too, and what was spent of that is owed.

use super::refund::bucket_of;
use crate::{App, Error};
use domain::{
    billing::{Money, Payment, PaymentKind, PaymentStatus, Refund, RefundKind, RefundStatus, package_refund},
    id::RefundId,
    ledger::{Bucket, Command, Reason, Refusal, TakeBack},
    port::{GatewayRefund, GatewayRefundStatus},
};
use storage::{BillingWrite, LedgerError, PaymentName};

/// How often it is reckoned anew when the account's tokens move meanwhile.
const MAX_TRIES: usize = 10;

/// What is taken, what is owed, and from where.
struct Due {
    tokens: i64,
    owed_tokens: i64,
    bucket: Bucket,
    seen: (i64, i64),
}

impl App {
    pub(super) async fn charge_back(&self, payment: Payment, found: &GatewayRefund) -> Result<(), Error> {
        if matches!(payment.status, PaymentStatus::Paid | PaymentStatus::Applying) {
            // What it buys is not in the ledger yet: the service says it again.
            return Err(Error::Moved);
        }
        let is_new = payment.status == PaymentStatus::Succeeded && payment.rest().amount_minor > 0;
        if found.status != GatewayRefundStatus::Succeeded || !is_new {
            return Ok(());
        }
        tracing::error!(
            payment_id = payment.id.0,
            "ALERT: a service has given a payment back that we did not"
        );
        let amount = Money {
            amount_minor: found.amount.amount_minor.min(payment.rest().amount_minor),
            ..payment.amount
        };
        let due = self.due_back(&payment, amount).await?;
        let id = RefundId(self.storage().next_id().await?);
        let now = self.clock().now();
        let mut refund = Refund {
            account_id: payment.account_id,
            id,
            version: 0,
            payment_id: payment.id,
            kind: RefundKind::Chargeback,
            status: RefundStatus::New,
            amount,
            tokens: due.tokens,
            owed_tokens: due.owed_tokens,
            cycle_id: match due.bucket {
                Bucket::Plan(cycle_id) => Some(cycle_id),
                Bucket::Permanent => None,
            },
            seen: due.seen,
            reference: String::new(),
            gateway_id: found.gateway_id.clone(),
            reason: "taken back at the service".to_owned(),
            attention: None,
            checks: 0,
            created_at: now,
            due_at: Some(self.lease_end()),
        };
        let mut changed = payment.clone();
        changed.refunded_minor += amount.amount_minor;
        // A second word of the same chargeback finds its name taken.
        let at_service = found.gateway_id.as_deref().unwrap_or(&found.payment_gateway_id);
        let write = BillingWrite {
            new_refunds: vec![refund.clone()],
            payments: vec![changed],
            names: vec![(PaymentName::refund(payment.method, at_service), payment.account_id, payment.id)],
            ..BillingWrite::default()
        };
        self.write(write).await?;
        refund.version += 1;
        self.take_charged_back(refund).await.map(drop)
    }

    /// Takes the tokens of a chargeback, and ends the subscription that it paid for.
    pub(super) async fn take_charged_back(&self, mut refund: Refund) -> Result<Refund, Error> {
        let payment = self.refunded_payment(&refund).await?;
        for _ in 0..MAX_TRIES {
            let take = TakeBack {
                account_id: refund.account_id,
                reason: Reason::Chargeback,
                source_id: refund.id.0,
                bucket: bucket_of(&refund),
                amount_tokens: refund.tokens,
                owed_tokens: refund.owed_tokens,
                seen: refund.seen,
            };
            match self.storage().ledger().run(Command::TakeBack(take)).await {
                Ok(()) => return self.end_refund(refund).await,
                Err(LedgerError::Refused(Refusal::Moved)) => {
                    let due = self.due_back(&payment, refund.amount).await?;
                    (refund.tokens, refund.owed_tokens, refund.seen) =
                        (due.tokens, due.owed_tokens, due.seen);
                    refund = self.save_refund(refund).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Moved)
    }

    /// The tokens that `amount` of a payment has bought: what is left of them is taken, what was used is owed.
    async fn due_back(&self, payment: &Payment, amount: Money) -> Result<Due, Error> {
        let wallet = self.storage().ledger().wallet(payment.account_id).await?;
        let bought = package_refund(payment.tokens, payment.amount.amount_minor, amount.amount_minor);
        if payment.kind == PaymentKind::Package {
            let free = self.free_of_package(payment, wallet.permanent_held).await?;
            let tokens = free.min(bought);
            let seen = wallet.seen(Bucket::Permanent);
            return Ok(Due { tokens, owed_tokens: bought - tokens, bucket: Bucket::Permanent, seen });
        }
        let cycle_id = payment.cycle_id.ok_or_else(|| super::decide::broken(payment))?;
        let seen = wallet.seen(Bucket::Plan(cycle_id));
        let used = self.storage().cycle_used_tokens(payment.account_id, cycle_id).await?;
        let tokens = seen.0.min(bought);
        // What has expired was of no use to anybody, and is not owed; nor is what is held, which may come back and expires then.
        let owed_tokens = (bought - tokens).min(used);
        Ok(Due { tokens, owed_tokens, bucket: Bucket::Plan(cycle_id), seen })
    }
}

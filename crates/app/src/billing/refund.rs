//! Giving money back, and taking the tokens that it bought: how much, and of what.

mod steps;

pub(super) use steps::bucket_of;

use super::{LEASE_MS, decide::refund_reference};
use crate::{App, Error};
use domain::{
    billing::{
        Currency, Money, Payment, PaymentKind, PaymentStatus, Refund, RefundKind, RefundStatus, Subscription,
        Unused, package_refund,
    },
    id::{PaymentId, RefundId},
    ledger::{Bucket, Reason, permanent_lots},
    params::FieldError,
};
use std::collections::BTreeMap;
use storage::BillingWrite;

/// What a refund would be.
#[derive(Clone, Debug)]
pub struct RefundQuote {
    /// How much would go back.
    pub amount: Money,
    /// NeuralBox tokens that would be taken.
    pub tokens: i64,
    /// The subscription that would end.
    pub ends: Option<Subscription>,
}

/// What can be given back for a payment, and the tokens that go with it.
pub(super) struct Refundable {
    pub(super) amount: Money,
    pub(super) tokens: i64,
    pub(super) bucket: Bucket,
    pub(super) seen: (i64, i64),
}

impl App {
    /// Gives back what a payment's unused tokens are worth, and takes them. A subscription whose running cycle is refunded ends
    /// with that.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Validation`] when nothing can be given back, [`Error::Moved`] when the account's tokens
    /// move too fast.
    pub async fn refund_payment(&self, payment_id: PaymentId, reason: &str) -> Result<Refund, Error> {
        let (payment, refundable) = self.require_refundable(payment_id).await?;
        let id = RefundId(self.storage().next_id().await?);
        let now = self.clock().now();
        let mut refund = Refund {
            account_id: payment.account_id,
            id,
            version: 0,
            payment_id,
            kind: RefundKind::Granted,
            status: RefundStatus::New,
            amount: refundable.amount,
            tokens: refundable.tokens,
            owed_tokens: 0,
            cycle_id: match refundable.bucket {
                Bucket::Plan(cycle_id) => Some(cycle_id),
                Bucket::Permanent => None,
            },
            seen: refundable.seen,
            reference: refund_reference(id)?,
            gateway_id: None,
            reason: reason.to_owned(),
            attention: None,
            checks: 0,
            created_at: now,
            due_at: Some(now.plus_ms(LEASE_MS)),
        };
        let mut changed = payment;
        changed.refunded_minor += refundable.amount.amount_minor;
        let (payments, new_refunds) = (vec![changed], vec![refund.clone()]);
        // What is charged meanwhile for the next cycle goes back when the subscription has ended.
        self.write(BillingWrite { payments, new_refunds, ..BillingWrite::default() }).await?;
        refund.version += 1;
        let account_id = refund.account_id;
        match self.advance_refund(refund).await {
            // The service's word of it may be faster than its answer, and has taken it further then.
            Err(Error::Moved) => {
                let found = self.storage().refund(account_id, id).await?;
                found.filter(|refund| refund.status != RefundStatus::Failed).ok_or(Error::Moved)
            }
            outcome => outcome,
        }
    }

    /// What [`App::refund_payment`] would give back and take now. Nothing is changed.
    ///
    /// # Errors
    /// As [`App::refund_payment`].
    pub async fn quote_refund(&self, payment_id: PaymentId) -> Result<RefundQuote, Error> {
        let (payment, Refundable { amount, tokens, .. }) = self.require_refundable(payment_id).await?;
        let ends = self.current_subscription(&payment).await?;
        Ok(RefundQuote { amount, tokens, ends })
    }

    async fn require_refundable(&self, payment_id: PaymentId) -> Result<(Payment, Refundable), Error> {
        let payment = self.storage().payment_by_id(payment_id).await?.ok_or(Error::NotFound("payment"))?;
        if payment.status != PaymentStatus::Succeeded {
            return Err(refused(format!("is {}", payment.status.name())));
        }
        let others = self.storage().refunds(payment.account_id, Some(payment_id)).await?;
        if others.iter().any(Refund::is_undecided) {
            return Err(Error::Moved);
        }
        let refundable = self.refundable(&payment).await?;
        if refundable.amount.amount_minor == 0 {
            return Err(refused("has bought what is used up".to_owned()));
        }
        Ok((payment, refundable))
    }

    /// What can be given back for a payment: of a package what its tokens are worth that are neither spent nor held, of a
    /// running cycle what an upgrade would credit. Stars go back whole or not at all.
    async fn refundable(&self, payment: &Payment) -> Result<Refundable, Error> {
        let wallet = self.storage().ledger().wallet(payment.account_id).await?;
        let (worth, tokens, bucket) = if payment.kind == PaymentKind::Package {
            let free = self.free_of_package(payment, wallet.permanent_held).await?;
            (package_refund(payment.amount.amount_minor, payment.tokens, free), free, Bucket::Permanent)
        } else {
            let Some(subscription) = self.current_subscription(payment).await? else {
                return Err(refused("has bought a cycle that is over".to_owned()));
            };
            let unused = Unused {
                price_kopecks: payment.price_minor().saturating_sub(payment.refunded_minor),
                window: subscription.window,
                allowance_tokens: payment.tokens,
                free_tokens: wallet.plan_available,
            };
            let bucket = Bucket::Plan(subscription.cycle_id);
            (unused.worth_kopecks(self.clock().now()), wallet.plan_available, bucket)
        };
        let seen = wallet.seen(bucket);
        let mut amount = Money { amount_minor: worth.min(payment.rest().amount_minor), ..payment.amount };
        if payment.amount.currency == Currency::Xtr {
            if tokens < payment.tokens {
                return Err(refused(
                    "is in Stars, which go back whole or not at all, and some of its tokens are used"
                        .to_owned(),
                ));
            }
            amount = payment.rest();
        }
        Ok(Refundable { amount, tokens, bucket, seen })
    }

    /// A package's tokens that are neither spent nor held.
    pub(super) async fn free_of_package(&self, payment: &Payment, held_tokens: i64) -> Result<i64, Error> {
        let entries = self.storage().permanent_entries(payment.account_id).await?;
        let refunds = self.storage().refunds(payment.account_id, None).await?;
        let refunded: BTreeMap<i64, i64> =
            refunds.iter().map(|refund| (refund.id.0, refund.payment_id.0)).collect();
        let lots = permanent_lots(&entries, held_tokens, &refunded);
        let own = lots.iter().find(|lot| lot.reason == Reason::Package && lot.source_id == payment.id.0);
        Ok(own.map_or(0, |lot| lot.free_tokens))
    }

    /// The subscription whose running cycle a payment has bought.
    pub(super) async fn current_subscription(
        &self,
        payment: &Payment,
    ) -> Result<Option<Subscription>, Error> {
        let live = self.storage().live_subscription(payment.account_id).await?;
        let now = self.clock().now();
        Ok(live.filter(|live| live.payment_id == payment.id && now < live.window.ends_at))
    }
}

fn refused(message: String) -> Error {
    Error::Validation(vec![FieldError::new("payment", message)])
}

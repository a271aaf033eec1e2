//! Giving money back, and taking the tokens that it bought.

use super::{LEASE_MS, decide::refund_reference, pause_ms};
use crate::{App, Error};
use domain::{
    billing::{
        Currency, EndReason, Money, Payment, PaymentKind, PaymentStatus, Refund, RefundKind, RefundStatus,
        Subscription, Unused, package_refund,
    },
    id::{PaymentId, RefundId},
    ledger::{Bucket, Command, GiveBack, Reason, Refusal, TakeBack, permanent_lots},
    params::FieldError,
    port::{GatewayError, GatewayErrorKind, GatewayRecord, GatewayRefund, GatewayRefundStatus, RefundOrder},
    time::DAY_MS,
};
use std::collections::BTreeMap;
use storage::{BillingWrite, LedgerError};

/// Milliseconds around a refund in which a service's books are searched for it.
const CLOCK_SKEW_MS: i64 = 10 * 60 * 1_000;
/// Milliseconds after which a person must look at a refund that the service does not take.
const PATIENCE_MS: i64 = DAY_MS;

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

    /// Takes a refund as far as it goes now.
    pub(super) async fn advance_refund(&self, mut refund: Refund) -> Result<Refund, Error> {
        loop {
            let before = refund.status;
            refund = match before {
                RefundStatus::New if refund.kind == RefundKind::Chargeback => {
                    self.take_charged_back(refund).await?
                }
                RefundStatus::New => self.take_tokens(refund).await?,
                RefundStatus::Taken => self.send_refund(refund).await?,
                RefundStatus::Pending => self.ask_after_refund(refund).await?,
                RefundStatus::Succeeded | RefundStatus::Failed => return Ok(refund),
            };
            if refund.status == before || refund.status == RefundStatus::Pending {
                return Ok(refund);
            }
        }
    }

    async fn take_tokens(&self, mut refund: Refund) -> Result<Refund, Error> {
        let take = TakeBack {
            account_id: refund.account_id,
            reason: Reason::Refund,
            source_id: refund.id.0,
            bucket: bucket_of(&refund),
            amount_tokens: refund.tokens,
            owed_tokens: 0,
            seen: refund.seen,
        };
        match self.storage().ledger().run(Command::TakeBack(take)).await {
            Ok(()) => {
                refund.status = RefundStatus::Taken;
                refund.due_at = Some(self.lease_end());
                self.save_refund(refund).await
            }
            Err(LedgerError::Refused(Refusal::Moved)) => {
                self.fail_refund(refund).await?;
                Err(Error::Moved)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn send_refund(&self, refund: Refund) -> Result<Refund, Error> {
        let payment = self.storage().payment(refund.account_id, refund.payment_id).await?;
        let payment =
            payment.ok_or_else(|| Error::Internal(format!("refund {} has no payment", refund.id)))?;
        let gateway = self.require_gateway(payment.method)?;
        let Some(gateway_id) = payment.gateway_id.clone() else {
            return Err(Error::Internal(format!("payment {} has no id at its service", payment.id)));
        };
        // An earlier attempt may have come through, written down or not: look before asking again.
        let is_repeat = refund.checks > 0 || self.clock().now().ms_since(refund.created_at) >= LEASE_MS;
        if is_repeat && let Some(found) = self.find_refund(&refund, &payment).await? {
            return self.absorb_refund(refund, found).await;
        }
        if let Some(payer_id) = payment.payer_id.as_ref().filter(|_| payment.kind != PaymentKind::Package)
            && let Err(error) = gateway.set_renewal(payer_id, &gateway_id, false).await
        {
            tracing::warn!(refund_id = refund.id.0, %error, "renewals could not be stopped");
        }
        let order = RefundOrder {
            refund_id: refund.id,
            reference: refund.reference.clone(),
            gateway_id,
            payer_id: payment.payer_id.clone(),
            amount: refund.amount,
            description: refund.reason.chars().take(250).collect(),
            receipt_email: payment.receipt_email.clone(),
        };
        match gateway.refund(&order).await {
            Ok(found) => self.absorb_refund(refund, found).await,
            Err(error) => self.not_refunded(refund, error).await,
        }
    }

    async fn find_refund(&self, refund: &Refund, payment: &Payment) -> Result<Option<GatewayRefund>, Error> {
        let from = refund.created_at.plus_ms(-CLOCK_SKEW_MS);
        let to = self.clock().now().plus_ms(CLOCK_SKEW_MS);
        let records = self.require_gateway(payment.method)?.records(from, to).await.map_err(|error| {
            tracing::warn!(refund_id = refund.id.0, %error, "a service's books could not be read");
            Error::PaymentService(payment.method)
        })?;
        Ok(records.into_iter().find_map(|record| match record {
            GatewayRecord::Refund(found) if found.reference.as_deref() == Some(&refund.reference) => {
                Some(found)
            }
            _ => None,
        }))
    }

    async fn not_refunded(&self, mut refund: Refund, error: GatewayError) -> Result<Refund, Error> {
        tracing::warn!(refund_id = refund.id.0, %error, "a refund was not taken");
        let now = self.clock().now();
        let is_final = matches!(error.kind, GatewayErrorKind::Rejected | GatewayErrorKind::NotFound);
        if is_final && refund.kind == RefundKind::Granted {
            return self.fail_refund(refund).await;
        }
        if is_final || now.ms_since(refund.created_at) >= PATIENCE_MS {
            tracing::error!(refund_id = refund.id.0, %error, "ALERT: money is owed that its service does not give back");
            refund.attention = Some(error.message);
        }
        refund.due_at = Some(now.plus_ms(pause_ms(refund.checks)));
        refund.checks += 1;
        self.save_refund(refund).await
    }

    async fn ask_after_refund(&self, mut refund: Refund) -> Result<Refund, Error> {
        let payment = self.storage().payment(refund.account_id, refund.payment_id).await?;
        if let Some(payment) = payment
            && let (Some(gateway_id), Some(payment_id)) = (&refund.gateway_id, &payment.gateway_id)
        {
            match self.require_gateway(payment.method)?.refund_status(gateway_id, payment_id).await {
                Ok(found) => return self.absorb_refund(refund, found).await,
                Err(error) => tracing::warn!(refund_id = refund.id.0, %error, "not asked after"),
            }
        }
        refund.due_at = Some(self.clock().now().plus_ms(pause_ms(refund.checks)));
        refund.checks += 1;
        self.save_refund(refund).await
    }

    /// Takes over what the service says of one of our refunds.
    pub(super) async fn absorb_refund(
        &self,
        mut refund: Refund,
        found: GatewayRefund,
    ) -> Result<Refund, Error> {
        if matches!(refund.status, RefundStatus::Succeeded | RefundStatus::Failed) {
            return Ok(refund);
        }
        refund.gateway_id = found.gateway_id.or(refund.gateway_id);
        // Whatever a person was to find out, the service now says.
        refund.attention = None;
        match found.status {
            GatewayRefundStatus::Succeeded => self.end_refund(refund).await,
            GatewayRefundStatus::Canceled if refund.kind == RefundKind::Unwanted => {
                tracing::error!(
                    refund_id = refund.id.0,
                    "ALERT: money is owed that its service does not give back"
                );
                refund.attention = Some("the service canceled the refund".to_owned());
                self.save_refund(refund).await
            }
            GatewayRefundStatus::Canceled => self.fail_refund(refund).await,
            GatewayRefundStatus::Pending => {
                refund.status = RefundStatus::Pending;
                refund.due_at = Some(self.clock().now().plus_ms(pause_ms(refund.checks)));
                refund.checks += 1;
                self.save_refund(refund).await
            }
        }
    }

    /// The money has gone back; a subscription whose cycle it was is over.
    async fn end_refund(&self, mut refund: Refund) -> Result<Refund, Error> {
        let live = self.storage().live_subscription(refund.account_id).await?;
        if let Some(live) = live.filter(|live| Some(live.cycle_id) == refund.cycle_id) {
            self.end_subscription(live, EndReason::Refunded).await?;
        }
        // Last, so that whoever takes it up after a crash does the rest too.
        refund.status = RefundStatus::Succeeded;
        refund.due_at = None;
        self.save_refund(refund).await
    }

    /// The money has not gone back: neither do the tokens.
    async fn fail_refund(&self, mut refund: Refund) -> Result<Refund, Error> {
        if refund.tokens > 0 {
            let give = GiveBack {
                account_id: refund.account_id,
                reason: Reason::RefundReturn,
                taken_as: Reason::Refund,
                source_id: refund.id.0,
                bucket: bucket_of(&refund),
                amount_tokens: refund.tokens,
            };
            self.storage().ledger().run(Command::GiveBack(give)).await?;
        }
        refund.status = RefundStatus::Failed;
        refund.due_at = None;
        let mut write = BillingWrite { refunds: vec![refund.clone()], ..BillingWrite::default() };
        if let Some(mut payment) = self.storage().payment(refund.account_id, refund.payment_id).await? {
            payment.refunded_minor = payment.refunded_minor.saturating_sub(refund.amount.amount_minor).max(0);
            write.payments.push(payment);
        }
        self.write(write).await?;
        refund.version += 1;
        Ok(refund)
    }
}

/// Where a refund's tokens lie.
pub(super) fn bucket_of(refund: &Refund) -> Bucket {
    refund.cycle_id.map_or(Bucket::Permanent, Bucket::Plan)
}

fn refused(message: String) -> Error {
    Error::Validation(vec![FieldError::new("payment", message)])
}

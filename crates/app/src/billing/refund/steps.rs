//! A refund's way from the decision to the money, or back.

use crate::{
    App, Error,
    billing::{LEASE_MS, decide::subscription_of, pause_ms, round_books::RoundBooks},
};
use domain::{
    billing::{EndReason, Payment, Refund, RefundKind, RefundStatus},
    id::CycleId,
    ledger::{Bucket, Command, GiveBack, Reason, Refusal, TakeBack},
    port::{
        GatewayError, GatewayErrorKind, GatewayRecord, GatewayRefund, GatewayRefundStatus, PaymentMethod,
        RefundOrder,
    },
    time::DAY_MS,
};
use storage::{BillingWrite, LedgerError};

/// Milliseconds after which a person must look at a refund that the service does not take.
const PATIENCE_MS: i64 = DAY_MS;
/// How often the end of a refund is written anew when others write to its payment meanwhile.
const MAX_TRIES: usize = 10;

impl App {
    /// Takes a refund as far as it goes now.
    pub(in crate::billing) async fn advance_refund(&self, refund: Refund) -> Result<Refund, Error> {
        let books = RoundBooks::since(refund.created_at);
        self.advance_refund_with(refund, &books).await
    }

    /// As [`Self::advance_refund`], with books in which it can be looked for.
    pub(in crate::billing) async fn advance_refund_with(
        &self,
        mut refund: Refund,
        books: &RoundBooks,
    ) -> Result<Refund, Error> {
        loop {
            let before = refund.status;
            refund = match before {
                RefundStatus::New if refund.kind == RefundKind::Chargeback => {
                    self.take_charged_back(refund).await?
                }
                RefundStatus::New => self.take_tokens(refund).await?,
                RefundStatus::Taken => self.send_refund(refund, books).await?,
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

    async fn send_refund(&self, refund: Refund, books: &RoundBooks) -> Result<Refund, Error> {
        let payment = self.refunded_payment(&refund).await?;
        let Some(gateway_id) = payment.gateway_id.clone() else {
            return Err(Error::Internal(format!("payment {} has no id at its service", payment.id)));
        };
        // An earlier attempt may have come through, written down or not: look before asking again.
        let is_repeat = refund.checks > 0 || self.clock().now().ms_since(refund.created_at) >= LEASE_MS;
        if is_repeat && let Some(found) = self.find_refund(&refund, &payment, books).await? {
            return self.absorb_refund(refund, found).await;
        }
        // Money for what had ended already: more of it must not come.
        if refund.kind == RefundKind::Unwanted
            && let Err(error) = self.stop_renewal(&payment).await
        {
            return self.not_refunded(refund, error).await;
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
        let refunded = match self.require_gateway(payment.method) {
            Ok(gateway) => gateway.refund(&order).await,
            Err(error) => Err(error),
        };
        match refunded {
            Ok(found) => self.absorb_refund(refund, found).await,
            Err(error) => self.not_refunded(refund, error).await,
        }
    }

    async fn find_refund(
        &self,
        refund: &Refund,
        payment: &Payment,
        books: &RoundBooks,
    ) -> Result<Option<GatewayRefund>, Error> {
        if payment.method == PaymentMethod::TelegramStars {
            // Its books do not bear our references, and it gives nothing back twice.
            return Ok(None);
        }
        let records = self.records(books, payment.method).await;
        let records = records.map_err(|_| Error::PaymentService(payment.method))?;
        Ok(records.iter().find_map(|record| match record {
            GatewayRecord::Refund(found) if found.reference.as_deref() == Some(&refund.reference) => {
                Some(found.clone())
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
        self.postpone_refund(refund).await
    }

    async fn ask_after_refund(&self, refund: Refund) -> Result<Refund, Error> {
        let payment = self.refunded_payment(&refund).await?;
        // Telegram's have no ids of their own.
        let gateway_id = refund.gateway_id.as_deref().unwrap_or_default();
        let payment_id = payment.gateway_id.as_deref().unwrap_or_default();
        let asked = match self.require_gateway(payment.method) {
            Ok(gateway) => gateway.refund_status(gateway_id, payment_id).await,
            Err(error) => Err(error),
        };
        match asked {
            Ok(found) => self.absorb_refund(refund, found).await,
            Err(error) => {
                tracing::warn!(refund_id = refund.id.0, %error, "a refund could not be asked after");
                self.postpone_refund(refund).await
            }
        }
    }

    async fn postpone_refund(&self, mut refund: Refund) -> Result<Refund, Error> {
        refund.due_at = Some(self.clock().now().plus_ms(pause_ms(refund.checks)));
        refund.checks += 1;
        self.save_refund(refund).await
    }

    /// Takes over what the service says of one of our refunds.
    pub(in crate::billing) async fn absorb_refund(
        &self,
        mut refund: Refund,
        found: GatewayRefund,
    ) -> Result<Refund, Error> {
        if matches!(refund.status, RefundStatus::Succeeded | RefundStatus::Failed) {
            return Ok(refund);
        }
        if refund.kind == RefundKind::Chargeback {
            // The money is gone; whoever heard of it first may not have taken the tokens.
            return Box::pin(self.take_charged_back(refund)).await;
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
                self.postpone_refund(refund).await
            }
        }
    }

    /// The money has gone back; a subscription whose cycle it was is over.
    pub(in crate::billing) async fn end_refund(&self, mut refund: Refund) -> Result<Refund, Error> {
        if let Some(cycle_id) = refund.cycle_id {
            let payment = self.refunded_payment(&refund).await?;
            if self.end_refunded_cycle(&payment, cycle_id).await?
                && let Err(error) = self.stop_renewal(&payment).await
            {
                tracing::warn!(refund_id = refund.id.0, %error, "renewals are not stopped yet");
                if refund.kind == RefundKind::Granted {
                    // It is not asked for again.
                    refund.status = RefundStatus::Pending;
                }
                return self.postpone_refund(refund).await;
            }
        }
        // Last, so that whoever takes it up after a crash does the rest too.
        refund.status = RefundStatus::Succeeded;
        refund.due_at = None;
        self.save_refund(refund).await
    }

    /// Ends a cycle whose money has gone back, and the subscription that it is of. Answers whether that is why the subscription
    /// has ended: now, or when somebody was here before.
    async fn end_refunded_cycle(&self, payment: &Payment, cycle_id: CycleId) -> Result<bool, Error> {
        let account_id = payment.account_id;
        let subscription = self.storage().subscription(account_id, subscription_of(payment)?).await?;
        let ends = match subscription.filter(|found| found.payment_id == payment.id) {
            Some(live) if live.is_live() => {
                self.end_subscription(live, EndReason::Refunded).await?;
                true
            }
            Some(ended) => ended.end_reason == Some(EndReason::Refunded),
            None => false,
        };
        // Whoever ended the subscription may not have come that far.
        self.storage().ledger().run(Command::EndCycle { account_id, cycle_id }).await?;
        Ok(ends)
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
        for _ in 0..MAX_TRIES {
            let mut payment = self.refunded_payment(&refund).await?;
            payment.refunded_minor = payment.refunded_minor.saturating_sub(refund.amount.amount_minor).max(0);
            let (refunds, payments) = (vec![refund.clone()], vec![payment]);
            match self.write(BillingWrite { refunds, payments, ..BillingWrite::default() }).await {
                Ok(()) => {
                    refund.version += 1;
                    return Ok(refund);
                }
                Err(Error::Moved) if self.is_as_read(&refund).await? => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Moved)
    }

    /// Whether nobody has written to a refund since it was read: then it was its payment that moved.
    async fn is_as_read(&self, refund: &Refund) -> Result<bool, Error> {
        let found = self.storage().refund(refund.account_id, refund.id).await?;
        Ok(found.is_some_and(|found| found.version == refund.version))
    }

    /// The payment that a refund is of.
    pub(in crate::billing) async fn refunded_payment(&self, refund: &Refund) -> Result<Payment, Error> {
        let payment = self.storage().payment(refund.account_id, refund.payment_id).await?;
        payment.ok_or_else(|| Error::Internal(format!("refund {} has no payment", refund.id)))
    }
}

/// Where a refund's tokens lie.
pub(in crate::billing) fn bucket_of(refund: &Refund) -> Bucket {
    refund.cycle_id.map_or(Bucket::Permanent, Bucket::Plan)
}

//! What a refund in a service's books means beside ours, and the other way round.

use super::{
    Comparing, FindingKind,
    finding::{of_payment, of_refund},
    judge::{Judged, Remedy},
};
use crate::{Error, billing::notify::known_refund};
use domain::{
    billing::{Payment, PaymentStatus, Refund, RefundStatus},
    port::{GatewayErrorKind, GatewayRefund, GatewayRefundStatus},
    time::Timestamp,
};
use storage::PaymentName;

impl Comparing<'_> {
    pub(super) async fn judge_refund(&self, found: &GatewayRefund) -> Result<Option<Judged>, Error> {
        if found.status != GatewayRefundStatus::Succeeded {
            return Ok(None);
        }
        let name = PaymentName::gateway(self.method(), &found.payment_gateway_id);
        // Of a payment that is not ours.
        let Some(payment) = self.app.storage().payment_by_name(&name).await? else { return Ok(None) };
        let known = self.app.storage().refunds(payment.account_id, Some(payment.id)).await?;
        let take = || Some(Remedy::TakeRefund(found.clone()));
        let amount = format!("{} {}", found.amount, found.amount.currency.code());
        let Some(refund) = known_refund(&known, found) else {
            let (kind, remedy) = match payment.status {
                _ if payment.rest().amount_minor == 0 => return Ok(None),
                PaymentStatus::Succeeded => (FindingKind::Refunded, take()),
                PaymentStatus::Paid | PaymentStatus::Applying => (FindingKind::RefundedAfterAll, None),
                // We never took the money for ours.
                PaymentStatus::New
                | PaymentStatus::Pending
                | PaymentStatus::Canceled
                | PaymentStatus::Returned => return Ok(None),
            };
            let text = format!("{amount} went back, {} with us", payment.status.name());
            return Ok(Some(Judged { finding: of_payment(kind, &payment, text), remedy }));
        };
        let (kind, remedy) = match refund.status {
            RefundStatus::Succeeded if refund.amount == found.amount => return Ok(None),
            RefundStatus::Succeeded => (FindingKind::OtherAmount, None),
            RefundStatus::Failed => (FindingKind::RefundedAfterAll, None),
            RefundStatus::New | RefundStatus::Taken | RefundStatus::Pending => {
                (FindingKind::Refunded, take())
            }
        };
        let text = format!("{} and {} with us, {amount} went back", refund.amount, refund.status.name());
        Ok(Some(Judged { finding: of_refund(kind, refund, &payment, text), remedy }))
    }

    /// Looks for refunds that we have as made and the service has not entered in that time: it is asked for each.
    pub(super) async fn look_for_refunds(
        &mut self,
        seen: &[GatewayRefund],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(), Error> {
        for refund in self.app.storage().refunds_made(from, to).await? {
            let payment = self.app.storage().payment(refund.account_id, refund.payment_id).await?;
            let Some(payment) = payment.filter(|payment| payment.method == self.method()) else { continue };
            let is_seen = seen.iter().any(|found| {
                found.status == GatewayRefundStatus::Succeeded
                    && payment.gateway_id.as_ref() == Some(&found.payment_gateway_id)
                    && known_refund(std::slice::from_ref(&refund), found).is_some()
            });
            if !is_seen {
                self.ask_for_refund(&refund, &payment).await;
            }
        }
        Ok(())
    }

    async fn ask_for_refund(&mut self, refund: &Refund, payment: &Payment) {
        let (id, payment_id) = (refund.gateway_id.as_deref(), payment.gateway_id.as_deref());
        let asked = self.gateway.refund_status(id.unwrap_or_default(), payment_id.unwrap_or_default()).await;
        let theirs = match asked {
            Ok(found) if found.status == GatewayRefundStatus::Succeeded => return,
            Ok(_) => "has not made it",
            Err(error) if error.kind == GatewayErrorKind::NotFound => "does not know it",
            Err(error) => return self.not_answered(&error),
        };
        let text = format!("{} has gone back with us, the service {theirs}", refund.amount);
        self.findings.push(of_refund(FindingKind::NotRefunded, refund, payment, text));
    }
}

//! What payment services tell us of their own accord. Nothing is believed that the service was not asked about, or that does
//! not prove where it comes from.

use crate::{App, Error};
use domain::{
    billing::{Payment, PaymentKind, PaymentStatus, Refund, RefundKind, RefundStatus},
    port::{GatewayError, GatewayErrorKind, GatewayRefund, Notification, NotificationError, PaymentMethod},
};
use storage::PaymentName;

/// How often a message is taken up again when somebody else works on the same payment.
const MAX_TRIES: usize = 5;
/// What is not found when a method is not configured.
const SERVICE: &str = "payment service";

impl App {
    /// The header that proves where a service's messages come from, where it has one.
    pub fn proof_header(&self, method: PaymentMethod) -> Option<&'static str> {
        self.gateway(method).and_then(|gateway| gateway.proof_header())
    }

    /// Takes a message that came in a service's name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the service is not configured, [`Error::NotAuthenticated`] when it is not the service's,
    /// [`Error::Validation`] when it cannot be read; anything else means that it should be sent again.
    pub async fn take_notification(
        &self,
        method: PaymentMethod,
        proof: Option<&str>,
        body: &[u8],
    ) -> Result<(), Error> {
        let gateway = self.gateway(method).ok_or(Error::NotFound(SERVICE))?;
        let notification = gateway.read_notification(proof, body).map_err(|error| {
            tracing::warn!(method = method.name(), %error, "a notification is not believed");
            match error {
                NotificationError::Forged => Error::NotAuthenticated,
                NotificationError::Malformed(what) => {
                    Error::Validation(vec![domain::params::FieldError::new("body", what)])
                }
            }
        })?;
        for _ in 0..MAX_TRIES {
            match Box::pin(self.heed(method, notification.clone())).await {
                Err(Error::Moved) => {}
                outcome => return outcome,
            }
        }
        Err(Error::Moved)
    }

    async fn heed(&self, method: PaymentMethod, notification: Notification) -> Result<(), Error> {
        match notification {
            Notification::PaymentMoved { gateway_id, reference } => {
                self.read_back(method, &gateway_id, reference.as_deref()).await
            }
            Notification::RefundMoved { gateway_id, payment_gateway_id } => {
                let name = PaymentName::gateway(method, &payment_gateway_id);
                if self.storage().payment_by_name(&name).await?.is_none() {
                    return not_ours(method);
                }
                let gateway = self.gateway(method).ok_or(Error::NotFound(SERVICE))?;
                match gateway.refund_status(&gateway_id, &payment_gateway_id).await {
                    Ok(found) => self.take_refund(method, found).await,
                    Err(error) => unread(method, &error),
                }
            }
            Notification::PreCheckout { query_id, reference, amount, .. } => {
                let order = self.storage().payment_by_name(&PaymentName::reference(&reference)).await?;
                let refusal = match order {
                    Some(order) if order.amount == amount => self.refusal(&order).await?,
                    _ => Some("This invoice is not known."),
                };
                let gateway = self.gateway(method).ok_or(Error::NotFound(SERVICE))?;
                match gateway.answer_pre_checkout(&query_id, refusal).await {
                    Ok(()) => Ok(()),
                    Err(error) => {
                        tracing::warn!(%error, "a pre-checkout query could not be answered");
                        // One that is too old has nobody waiting any more; sent again, it would only hold up what follows it.
                        let is_over = error.kind == GatewayErrorKind::Rejected;
                        if is_over { Ok(()) } else { Err(Error::PaymentService(method)) }
                    }
                }
            }
            Notification::Paid(found) => self.take_paid(found).await,
            Notification::Refunded(found) => self.take_refund(method, found).await,
            Notification::Other => Ok(()),
        }
    }

    /// Why an order cannot be paid now, for its payer.
    async fn refusal(&self, order: &Payment) -> Result<Option<&'static str>, Error> {
        if !order.is_open() {
            return Ok(Some("This invoice has been paid or has ended. Please order again."));
        }
        let live = self.storage().live_subscription(order.account_id).await?;
        let replaces = live.map(|live| (live.id, live.cycle_id));
        let is_stale = order.kind == PaymentKind::Subscription && order.replaces != replaces;
        Ok(is_stale.then_some("Your plan has changed since this was ordered. Please order again."))
    }

    /// Reads a payment back that is said to have moved. The service is asked only about what may be ours: anybody can send us
    /// any number of ids.
    async fn read_back(
        &self,
        method: PaymentMethod,
        gateway_id: &str,
        said_reference: Option<&str>,
    ) -> Result<(), Error> {
        let by_id = self.storage().payment_by_name(&PaymentName::gateway(method, gateway_id)).await?;
        let is_known = match (&by_id, said_reference) {
            (Some(_), _) => true,
            (None, Some(said)) => {
                self.storage().payment_by_name(&PaymentName::reference(said)).await?.is_some()
            }
            (None, None) => false,
        };
        if !is_known {
            return not_ours(method);
        }
        let found = match self.read_payment(method, gateway_id).await {
            Ok(found) => found,
            Err(error) => return unread(method, &error),
        };
        let payment = match (by_id, &found.reference) {
            (Some(payment), _) => Some(payment),
            // The answer to our order was lost.
            (None, Some(reference)) => {
                self.storage().payment_by_name(&PaymentName::reference(reference)).await?
            }
            (None, None) => None,
        };
        let Some(payment) = payment else { return not_ours(method) };
        if payment.gateway_id.as_deref().is_some_and(|known| known != gateway_id) {
            tracing::error!(
                payment_id = payment.id.0,
                gateway_id,
                "ALERT: the service has a second payment for this order; reconcile"
            );
            return Ok(());
        }
        let may_move = payment.is_open() || payment.status == PaymentStatus::Canceled;
        let payment = if may_move { self.absorb(payment, found).await? } else { payment };
        self.advance_payment(payment).await.map(drop)
    }

    /// Takes over what a service says of a refund: one of ours, or one that it made of its own accord.
    pub(super) async fn take_refund(&self, method: PaymentMethod, found: GatewayRefund) -> Result<(), Error> {
        let name = PaymentName::gateway(method, &found.payment_gateway_id);
        let Some(payment) = self.storage().payment_by_name(&name).await? else { return Ok(()) };
        let known = self.storage().refunds(payment.account_id, Some(payment.id)).await?;
        match known_refund(&known, &found) {
            Some(refund) => self.absorb_refund(refund.clone(), found).await.map(drop),
            // What is left of the payment depends on those that are not decided yet: the service says it again.
            None if known.iter().any(Refund::is_undecided) => Err(Error::Moved),
            None => self.charge_back(payment, &found).await,
        }
    }
}

/// Which of a payment's refunds the service speaks of.
pub(super) fn known_refund<'a>(known: &'a [Refund], found: &GatewayRefund) -> Option<&'a Refund> {
    let is_it = |refund: &&Refund| match (&found.gateway_id, &found.reference) {
        (Some(id), _) if refund.gateway_id.as_ref() == Some(id) => true,
        (_, Some(reference)) => *reference == refund.reference,
        // Telegram's have no ids of their own, and a payment has one at most.
        (None, None) => refund.status != RefundStatus::Failed,
        _ => false,
    };
    // What we could not give back, and a person has given back on the service's own pages.
    let is_owed = |refund: &&Refund| {
        refund.kind == RefundKind::Unwanted
            && refund.status != RefundStatus::Succeeded
            && refund.amount == found.amount
    };
    known.iter().find(is_it).or_else(|| known.iter().find(is_owed))
}

/// A message about somebody else's payment, or about none at all: it need not come again.
fn not_ours(method: PaymentMethod) -> Result<(), Error> {
    tracing::info!(method = method.name(), "a notification about a payment that is not ours");
    Ok(())
}

/// A message about what the service itself does not know is nobody's; with other trouble it should come again.
fn unread(method: PaymentMethod, error: &GatewayError) -> Result<(), Error> {
    tracing::warn!(method = method.name(), %error, "what a notification tells of could not be read back");
    if error.kind == GatewayErrorKind::NotFound { Ok(()) } else { Err(Error::PaymentService(method)) }
}

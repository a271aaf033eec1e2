//! Subscriptions that their service renews by itself: it has to be told when that is to end.

use crate::App;
use domain::{
    billing::{Payment, PaymentKind},
    port::{GatewayError, GatewayErrorKind, PaymentMethod},
};

impl App {
    /// Tells the service that renews what `payment` has paid for whether to go on. What we renew ourselves needs no word.
    pub(super) async fn set_renewal(&self, payment: &Payment, renews: bool) -> Result<(), GatewayError> {
        let renews_itself =
            payment.method == PaymentMethod::TelegramStars && payment.kind != PaymentKind::Package;
        match (&payment.payer_id, &payment.gateway_id) {
            (Some(payer_id), Some(charge)) if renews_itself => {
                self.require_gateway(payment.method)?.set_renewal(payer_id, charge, renews).await
            }
            _ => Ok(()),
        }
    }

    /// Has it renewed no more. An error is trouble that may pass: it must be tried again. A service that refuses for good will
    /// not be asked for ever; should it charge all the same, that money goes back.
    pub(super) async fn stop_renewal(&self, payment: &Payment) -> Result<(), GatewayError> {
        match self.set_renewal(payment, false).await {
            Err(error) if matches!(error.kind, GatewayErrorKind::Rejected | GatewayErrorKind::NotFound) => {
                tracing::error!(payment_id = payment.id.0, %error, "ALERT: a service does not stop its renewals");
                Ok(())
            }
            outcome => outcome,
        }
    }
}

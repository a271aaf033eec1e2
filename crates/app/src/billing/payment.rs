//! A payment's way from an order to the money, or to none.

use super::{
    LEASE_MS, pause_ms, payment_data, round_books::RoundBooks, subscription_data, trade_in::sets_aside,
};
use crate::{App, Error};
use domain::{
    billing::{Payment, PaymentKind, PaymentStatus, Step, SubscriptionStatus},
    port::{
        Charge, Decline, GatewayError, GatewayErrorKind, GatewayPayment, GatewayPaymentStatus, GatewayRecord,
        PaymentMethod, PaymentOrder,
    },
    time::{DAY_MS, Timestamp},
};
use storage::{BillingWrite, PaymentName};

/// Milliseconds for which an order can be paid.
const ORDER_MS: i64 = DAY_MS;
/// Milliseconds for which a service remembers that an order was asked for before: a day, less an hour for clocks that differ.
const REPEATABLE_MS: i64 = DAY_MS - 60 * 60 * 1_000;
/// Milliseconds between two looks at an order that was given up and could still be paid at the service.
const LATE_LOOK_MS: i64 = 2 * 60 * 60 * 1_000;

impl App {
    /// Takes a payment as far as it goes now.
    pub(super) async fn advance_payment(&self, payment: Payment) -> Result<Payment, Error> {
        let books = RoundBooks::since(payment.created_at);
        self.advance_payment_with(payment, &books).await
    }

    /// As [`Self::advance_payment`], with books in which it can be looked for.
    async fn advance_payment_with(&self, mut payment: Payment, books: &RoundBooks) -> Result<Payment, Error> {
        loop {
            let before = payment.status;
            payment = match before {
                PaymentStatus::New => self.send_payment(payment, books).await?,
                PaymentStatus::Paid => self.decide_payment(payment).await?,
                PaymentStatus::Applying => self.enter_payment(payment).await?,
                PaymentStatus::Canceled if self.is_due(&payment) => self.close_canceled(payment).await?,
                PaymentStatus::Returned if self.is_due(&payment) => self.close_returned(payment).await?,
                PaymentStatus::Pending
                | PaymentStatus::Succeeded
                | PaymentStatus::Canceled
                | PaymentStatus::Returned => return Ok(payment),
            };
            if payment.status == before {
                return Ok(payment);
            }
        }
    }

    /// Looks after a payment that is due: asks the service where it is to be asked, and takes it further.
    pub(super) async fn mind_payment(&self, payment: Payment, books: &RoundBooks) -> Result<Payment, Error> {
        let is_pending = payment.status == PaymentStatus::Pending;
        let payment = if is_pending { self.ask_after(payment).await? } else { payment };
        self.advance_payment_with(payment, books).await
    }

    /// Makes sure that the service has the order.
    async fn send_payment(&self, payment: Payment, books: &RoundBooks) -> Result<Payment, Error> {
        if !self.take_trade_in(&payment).await? {
            return self.cancel_payment(payment, None).await;
        }
        if payment.checks > 0 || self.age_ms(&payment) >= LEASE_MS {
            // An earlier attempt may have come through, written down or not: look before asking again.
            match self.find_at_service(&payment, books).await {
                Ok(Some(found)) => return self.absorb(payment, found).await,
                Ok(None) if self.age_ms(&payment) < REPEATABLE_MS => {}
                Ok(None) => return self.cancel_payment(payment, Some(Decline::Passing)).await,
                Err(error) => return self.postpone_unknown(payment, &error).await,
            }
        }
        let created = match self.require_gateway(payment.method) {
            Ok(gateway) => gateway.create(&order_of(&payment)).await,
            Err(error) => Err(error),
        };
        match created {
            Ok(found) => self.absorb(payment, found).await,
            Err(error) => self.not_created(payment, error).await,
        }
    }

    async fn find_at_service(
        &self,
        payment: &Payment,
        books: &RoundBooks,
    ) -> Result<Option<GatewayPayment>, GatewayError> {
        if payment.method == PaymentMethod::TelegramStars {
            // An invoice that nobody has paid is in no books, and making another does no harm.
            return Ok(None);
        }
        let records = self.records(books, payment.method).await?;
        Ok(records.iter().find_map(|record| match record {
            GatewayRecord::Payment(found) if found.reference.as_deref() == Some(&payment.reference) => {
                Some(found.clone())
            }
            _ => None,
        }))
    }

    async fn not_created(&self, payment: Payment, error: GatewayError) -> Result<Payment, Error> {
        tracing::warn!(payment_id = payment.id.0, method = payment.method.name(), %error, "not created");
        match error.kind {
            GatewayErrorKind::OutcomeUnknown => self.postpone_unknown(payment, &error).await,
            // Nothing has happened. A renewal waits until the service can be reached; a person tries again by themselves.
            GatewayErrorKind::NotTaken | GatewayErrorKind::BadKey | GatewayErrorKind::NotConfigured
                if payment.kind == PaymentKind::Renewal =>
            {
                self.postpone(payment).await
            }
            GatewayErrorKind::NotTaken | GatewayErrorKind::BadKey | GatewayErrorKind::NotConfigured => {
                self.cancel_payment(payment, Some(Decline::Passing)).await
            }
            GatewayErrorKind::Rejected | GatewayErrorKind::NotFound => {
                tracing::error!(payment_id = payment.id.0, %error, "ALERT: a payment service rejects our order");
                if payment.kind == PaymentKind::Renewal {
                    // Our fault, most likely, and not the card's: nobody loses a plan for it unseen.
                    let attention = format!("the service rejects it: {}", error.message);
                    return self.save_payment(Payment { attention: Some(attention), ..payment }).await;
                }
                self.cancel_payment(payment, Some(Decline::Refused)).await
            }
        }
    }

    /// Nobody knows whether the service has it. It is looked for again later; after a day a person has to.
    async fn postpone_unknown(&self, mut payment: Payment, error: &GatewayError) -> Result<Payment, Error> {
        if self.age_ms(&payment) >= REPEATABLE_MS {
            tracing::error!(
                payment_id = payment.id.0,
                account_id = payment.account_id.0,
                %error,
                "ALERT: nobody knows whether this payment was made; nothing more is charged to the account"
            );
            payment.attention = Some("outcome unknown: the service could not be asked for a day".to_owned());
            return self.save_payment(payment).await;
        }
        self.postpone(payment).await
    }

    async fn postpone(&self, mut payment: Payment) -> Result<Payment, Error> {
        payment.due_at = Some(self.clock().now().plus_ms(pause_ms(payment.checks)));
        payment.checks += 1;
        self.save_payment(payment).await
    }

    /// Asks the service how a payment is.
    async fn ask_after(&self, payment: Payment) -> Result<Payment, Error> {
        let Some(gateway_id) = payment.gateway_id.clone() else {
            // An invoice: its service tells us when it is paid, and nothing before.
            return self.cancel_payment(payment, Some(Decline::NotConfirmed)).await;
        };
        match self.read_payment(payment.method, &gateway_id).await {
            Ok(found) => self.absorb(payment, found).await,
            Err(error) => {
                tracing::warn!(payment_id = payment.id.0, %error, "a payment could not be asked after");
                self.postpone(payment).await
            }
        }
    }

    /// Takes over what the service says of a payment.
    pub(super) async fn absorb(&self, mut payment: Payment, found: GatewayPayment) -> Result<Payment, Error> {
        let mut names = Vec::new();
        if let Some(gateway_id) = found.gateway_id.filter(|_| payment.gateway_id.is_none()) {
            names.push((PaymentName::gateway(payment.method, &gateway_id), payment.account_id, payment.id));
            payment.gateway_id = Some(gateway_id);
        }
        payment.confirmation_url = found.confirmation_url.or(payment.confirmation_url);
        // Whatever a person was to find out, the service now says.
        payment.attention = None;
        let now = self.clock().now();
        match found.status {
            GatewayPaymentStatus::Succeeded if found.amount != payment.amount => {
                tracing::error!(
                    payment_id = payment.id.0,
                    "ALERT: the service has another amount than we asked for"
                );
                payment.attention = Some(format!("the service has an amount of {}", found.amount));
            }
            GatewayPaymentStatus::Succeeded => {
                // What was set aside for it has gone back to be spent: it cannot be had at that price any more.
                let is_too_late = payment.status == PaymentStatus::Canceled && sets_aside(&payment);
                payment.status = PaymentStatus::Paid;
                payment.decline = None;
                payment.paid_at = Some(found.paid_at.unwrap_or(now).min(now));
                payment.saved_method_id = found.saved_method_id.or(payment.saved_method_id);
                payment.payer_id = found.payer_id.or(payment.payer_id);
                payment.paid_until = found.paid_until;
                payment.due_at = Some(now.plus_ms(LEASE_MS));
                if is_too_late {
                    let write = BillingWrite { names, ..BillingWrite::default() };
                    return Box::pin(self.return_with(payment, write)).await;
                }
            }
            GatewayPaymentStatus::Canceled(decline) if payment.status == PaymentStatus::Canceled => {
                // It cannot be paid any more; what was set aside for it may still have to go back.
                payment.decline = payment.decline.or(Some(decline));
                payment.due_at = payment.due_at.map(|_| now);
            }
            GatewayPaymentStatus::Canceled(decline) => {
                let write = BillingWrite { names, ..BillingWrite::default() };
                return self.cancel_with(payment, Some(decline), write).await;
            }
            GatewayPaymentStatus::Pending if payment.status == PaymentStatus::Canceled => {
                payment.due_at = Some(now.plus_ms(LATE_LOOK_MS));
            }
            GatewayPaymentStatus::Pending => {
                payment.status = PaymentStatus::Pending;
                payment.due_at = Some(next_look(&payment, now));
                payment.checks += 1;
            }
        }
        self.write(BillingWrite { payments: vec![payment.clone()], names, ..BillingWrite::default() })
            .await?;
        payment.version += 1;
        Ok(payment)
    }

    /// Ends a payment without money. Without a `decline` it is we who give it up: then it may still be paid at the service.
    pub(super) async fn cancel_payment(
        &self,
        payment: Payment,
        decline: Option<Decline>,
    ) -> Result<Payment, Error> {
        self.cancel_with(payment, decline, BillingWrite::default()).await
    }

    async fn cancel_with(
        &self,
        mut payment: Payment,
        decline: Option<Decline>,
        mut write: BillingWrite,
    ) -> Result<Payment, Error> {
        let now = self.clock().now();
        payment.status = PaymentStatus::Canceled;
        payment.decline = decline;
        // What was set aside goes back in a step of its own, which is due at once.
        payment.due_at = Some(now);
        write.events.push(self.event(payment.account_id, "payment.failed", payment_data(&payment)).await?);
        if payment.kind == PaymentKind::Renewal {
            self.decline_renewal(&payment, &mut write).await?;
        }
        write.payments.push(payment.clone());
        self.write(write).await?;
        payment.version += 1;
        Ok(payment)
    }

    /// What a declined charge does to its subscription.
    async fn decline_renewal(&self, payment: &Payment, write: &mut BillingWrite) -> Result<(), Error> {
        let Some(id) = payment.subscription_id else { return Ok(()) };
        let subscription = self.storage().subscription(payment.account_id, id).await?;
        let own = |renewal| renewal == Some(payment.id);
        let Some(mut subscription) =
            subscription.filter(|found| found.is_live() && own(found.renewal_payment_id))
        else {
            return Ok(());
        };
        subscription.renewal_payment_id = None;
        subscription.declines += 1;
        subscription.is_method_gone |=
            matches!(payment.decline, Some(Decline::MethodGone | Decline::Refused));
        let now = self.clock().now();
        subscription.due_at = Some(match subscription.step(self.rules(), now) {
            // The first charge was made late. The bank gets a day all the same.
            Step::Charge { .. } => now.plus_ms(DAY_MS),
            Step::Wait(until) => until,
            Step::End(_) => now,
        });
        if subscription.status == SubscriptionStatus::Active {
            subscription.status = SubscriptionStatus::PastDue;
            let data = subscription_data(&subscription);
            write.events.push(self.event(payment.account_id, "subscription.past_due", data).await?);
        }
        write.subscriptions.push(subscription);
        Ok(())
    }

    /// Gives back what was set aside for a payment that was canceled, and makes sure that it is not paid after all.
    async fn close_canceled(&self, mut payment: Payment) -> Result<Payment, Error> {
        self.give_back_trade_in(&payment).await?;
        let may_be_paid = payment.decline.is_none() && self.age_ms(&payment) < 7 * DAY_MS;
        if let Some(gateway_id) = payment.gateway_id.clone().filter(|_| may_be_paid) {
            return match self.read_payment(payment.method, &gateway_id).await {
                Ok(found) => self.absorb(payment, found).await,
                Err(_) => {
                    payment.due_at = Some(self.clock().now().plus_ms(LATE_LOOK_MS));
                    self.save_payment(payment).await
                }
            };
        }
        // Whoever placed the order may be about to set its tokens aside, and not know yet that it was canceled.
        let may_be_taken = sets_aside(&payment) && self.age_ms(&payment) < LEASE_MS;
        payment.due_at = may_be_taken.then(|| payment.created_at.plus_ms(LEASE_MS));
        self.save_payment(payment).await
    }

    /// Gives back what was set aside for a payment whose money goes back.
    async fn close_returned(&self, mut payment: Payment) -> Result<Payment, Error> {
        self.give_back_trade_in(&payment).await?;
        payment.due_at = None;
        self.save_payment(payment).await
    }

    fn is_due(&self, payment: &Payment) -> bool {
        payment.due_at.is_some_and(|due_at| due_at <= self.clock().now())
    }

    fn age_ms(&self, payment: &Payment) -> i64 {
        self.clock().now().ms_since(payment.created_at)
    }
}

/// When to ask after a payment that its payer has still to confirm. An invoice is not asked after: it ends with its order.
fn next_look(payment: &Payment, now: Timestamp) -> Timestamp {
    match payment.gateway_id {
        Some(_) => now.plus_ms(pause_ms(payment.checks)),
        None => payment.created_at.plus_ms(ORDER_MS),
    }
}

/// What the service is asked for.
fn order_of(payment: &Payment) -> PaymentOrder {
    let charge = match (payment.kind, &payment.saved_method_id) {
        (PaymentKind::Package, _) => Charge::Once,
        (PaymentKind::Subscription | PaymentKind::Renewal, None) => Charge::Recurring,
        (_, Some(saved_method_id)) => Charge::Saved { saved_method_id: saved_method_id.clone() },
    };
    let what = if payment.kind == PaymentKind::Package { "package" } else { "plan" };
    PaymentOrder {
        payment_id: payment.id,
        account_id: payment.account_id,
        reference: payment.reference.clone(),
        amount: payment.amount,
        title: format!("NeuralBox {}", payment.item).chars().take(32).collect(),
        description: format!("NeuralBox {what} {}: {} tokens", payment.item, payment.tokens)
            .chars()
            .take(128)
            .collect(),
        charge,
        return_url: payment.return_url.clone(),
        receipt_email: payment.receipt_email.clone(),
    }
}

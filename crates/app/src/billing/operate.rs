//! What operators look at, and settle.

use crate::{App, Error};
use domain::{
    billing::{Payment, Refund, Subscription},
    id::{PaymentId, RefundId, SubscriptionId},
};
use storage::BillingWrite;

/// A payment and what belongs to it.
#[derive(Clone, Debug)]
pub struct PaymentDetails {
    /// The payment.
    pub payment: Payment,
    /// Its refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// The subscription that it starts or renews.
    pub subscription: Option<Subscription>,
    /// The names by which notifications find it: `order:` and our reference, or the method and the service's own id.
    pub names: Vec<String>,
}

/// What nothing is done about before a person has looked at it, oldest first.
#[derive(Clone, Debug)]
pub struct InDoubt {
    /// Payments.
    pub payments: Vec<Payment>,
    /// Subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Refunds.
    pub refunds: Vec<Refund>,
}

impl App {
    /// All accounts' payments, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn newest_payments(&self, limit: u64) -> Result<Vec<Payment>, Error> {
        Ok(self.storage().newest_payments(limit).await?)
    }

    /// What waits for a person.
    ///
    /// # Errors
    /// The database's.
    pub async fn in_doubt(&self) -> Result<InDoubt, Error> {
        Ok(InDoubt {
            payments: self.storage().payments_in_doubt().await?,
            subscriptions: self.storage().subscriptions_in_doubt().await?,
            refunds: self.storage().refunds_in_doubt().await?,
        })
    }

    /// A payment, whosesoever it is.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the database's.
    pub async fn payment_details(&self, id: PaymentId) -> Result<PaymentDetails, Error> {
        let payment = self.storage().payment_by_id(id).await?.ok_or(Error::NotFound("payment"))?;
        let account_id = payment.account_id;
        let subscription = match payment.subscription_id {
            Some(id) => self.storage().subscription(account_id, id).await?,
            None => None,
        };
        let refunds = self.storage().refunds(account_id, Some(id)).await?;
        let names = self.storage().payment_names(&payment).await?;
        Ok(PaymentDetails { payment, refunds, subscription, names })
    }

    /// Says that a person has looked at the payment, subscription or refund of that id, and that it may go on. Answers why it
    /// had stopped.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing of that id waits for a person, [`Error::Moved`], or the database's.
    pub async fn resolve(&self, id: i64) -> Result<String, Error> {
        let mut write = BillingWrite::default();
        let why = if let Some(mut payment) = self.storage().payment_by_id(PaymentId(id)).await? {
            let why = payment.attention.take();
            write.payments.push(payment);
            why
        } else if let Some(mut refund) = self.storage().refund_by_id(RefundId(id)).await? {
            let why = refund.attention.take();
            write.refunds.push(refund);
            why
        } else if let Some(mut subscription) = self.storage().subscription_by_id(SubscriptionId(id)).await? {
            let why = subscription.attention.take();
            write.subscriptions.push(subscription);
            why
        } else {
            None
        };
        let why = why.ok_or(Error::NotFound("payment, subscription or refund that waits for a person"))?;
        self.write(write).await?;
        Ok(why)
    }
}

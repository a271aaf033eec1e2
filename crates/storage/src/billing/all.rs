//! Reading payments, subscriptions and refunds of all accounts: for operators, and to compare with services' books.

use super::rows;
use crate::{
    Error, Storage,
    entity::{payment, payment_directory, refund, subscription},
};
use domain::{
    billing::{Payment, Refund, RefundStatus, Subscription},
    id::{PaymentId, RefundId, SubscriptionId},
    port::PaymentMethod,
    time::Timestamp,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

impl Storage {
    /// All accounts' payments, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn newest_payments(&self, limit: u64) -> Result<Vec<Payment>, Error> {
        let query = payment::Entity::find().order_by_desc(payment::Column::Id).limit(limit);
        query.all(self.db.reader()).await?.into_iter().map(rows::payment_from).collect()
    }

    /// Payments that were paid from `from` to just before `to`, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn payments_paid(
        &self,
        method: PaymentMethod,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Payment>, Error> {
        let query = payment::Entity::find()
            .filter(payment::Column::Method.eq(method.name()))
            .filter(payment::Column::PaidAtMs.gte(from.unix_ms()))
            .filter(payment::Column::PaidAtMs.lt(to.unix_ms()))
            .order_by_asc(payment::Column::Id);
        query.all(self.db.reader()).await?.into_iter().map(rows::payment_from).collect()
    }

    /// Refunds that have succeeded, and were decided from `from` to just before `to`, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn refunds_made(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Refund>, Error> {
        let query = refund::Entity::find()
            .filter(refund::Column::Status.eq(RefundStatus::Succeeded.name()))
            .filter(refund::Column::CreatedAtMs.gte(from.unix_ms()))
            .filter(refund::Column::CreatedAtMs.lt(to.unix_ms()))
            .order_by_asc(refund::Column::Id);
        query.all(self.db.reader()).await?.into_iter().map(rows::refund_from).collect()
    }

    /// The names by which a payment is found, in alphabetical order.
    ///
    /// # Errors
    /// The database's.
    pub async fn payment_names(&self, payment: &Payment) -> Result<Vec<String>, Error> {
        let query = payment_directory::Entity::find()
            .filter(payment_directory::Column::AccountId.eq(payment.account_id.0))
            .filter(payment_directory::Column::PaymentId.eq(payment.id.0))
            .order_by_asc(payment_directory::Column::Name);
        Ok(query.all(self.db.reader()).await?.into_iter().map(|row| row.name).collect())
    }

    /// Payments that a person must look at, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn payments_in_doubt(&self) -> Result<Vec<Payment>, Error> {
        let query = payment::Entity::find()
            .filter(payment::Column::Attention.is_not_null())
            .order_by_asc(payment::Column::Id);
        query.all(self.db.reader()).await?.into_iter().map(rows::payment_from).collect()
    }

    /// Subscriptions that a person must look at, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn subscriptions_in_doubt(&self) -> Result<Vec<Subscription>, Error> {
        let query = subscription::Entity::find()
            .filter(subscription::Column::Attention.is_not_null())
            .order_by_asc(subscription::Column::Id);
        query.all(self.db.reader()).await?.into_iter().map(rows::subscription_from).collect()
    }

    /// Refunds that a person must look at, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn refunds_in_doubt(&self) -> Result<Vec<Refund>, Error> {
        let query = refund::Entity::find()
            .filter(refund::Column::Attention.is_not_null())
            .order_by_asc(refund::Column::Id);
        query.all(self.db.reader()).await?.into_iter().map(rows::refund_from).collect()
    }

    /// The subscription of that id, whosesoever it is.
    ///
    /// # Errors
    /// The database's.
    pub async fn subscription_by_id(&self, id: SubscriptionId) -> Result<Option<Subscription>, Error> {
        let query = subscription::Entity::find().filter(subscription::Column::Id.eq(id.0));
        query.one(self.db.reader()).await?.map(rows::subscription_from).transpose()
    }

    /// The refund of that id, whosesoever it is.
    ///
    /// # Errors
    /// The database's.
    pub async fn refund_by_id(&self, id: RefundId) -> Result<Option<Refund>, Error> {
        let query = refund::Entity::find().filter(refund::Column::Id.eq(id.0));
        query.one(self.db.reader()).await?.map(rows::refund_from).transpose()
    }

    /// The payment of that id, whosesoever it is: for operators, who do not know the account.
    ///
    /// # Errors
    /// The database's.
    pub async fn payment_by_id(&self, id: PaymentId) -> Result<Option<Payment>, Error> {
        let query = payment::Entity::find().filter(payment::Column::Id.eq(id.0));
        query.one(self.db.reader()).await?.map(rows::payment_from).transpose()
    }
}

//! Reading payments, subscriptions and refunds.

use super::{PaymentName, rows};
use crate::{
    Error, Storage,
    entity::{ledger_entry, payment, payment_directory, refund, subscription},
};
use domain::{
    billing::{Payment, PaymentStatus, Refund, Subscription, SubscriptionStatus},
    id::{AccountId, CycleId, PaymentId, RefundId, SubscriptionId},
    ledger::{Entry, Leg},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement,
};

impl Storage {
    /// A payment.
    ///
    /// # Errors
    /// The database's.
    pub async fn payment(&self, account_id: AccountId, id: PaymentId) -> Result<Option<Payment>, Error> {
        let row = payment::Entity::find_by_id((account_id.0, id.0)).one(self.db.reader()).await?;
        row.map(rows::payment_from).transpose()
    }

    /// The payment of that name.
    ///
    /// # Errors
    /// The database's.
    pub async fn payment_by_name(&self, name: &PaymentName) -> Result<Option<Payment>, Error> {
        let entry = payment_directory::Entity::find_by_id(name.0.as_str()).one(self.db.reader()).await?;
        match entry {
            Some(entry) => self.payment(AccountId(entry.account_id), PaymentId(entry.payment_id)).await,
            None => Ok(None),
        }
    }

    /// An account's payments, newest first, after the first `offset` of them; and how many there are.
    ///
    /// # Errors
    /// The database's.
    pub async fn payments(
        &self,
        account_id: AccountId,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<Payment>, u64), Error> {
        let query = payment::Entity::find().filter(payment::Column::AccountId.eq(account_id.0));
        let total = query.clone().count(self.db.reader()).await?;
        let query = query.order_by_desc(payment::Column::Id).offset(offset).limit(limit);
        let found = query.all(self.db.reader()).await?;
        Ok((found.into_iter().map(rows::payment_from).collect::<Result<_, _>>()?, total))
    }

    /// An account's payments that are ordered and not yet paid.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_payments(&self, account_id: AccountId) -> Result<Vec<Payment>, Error> {
        let open = [PaymentStatus::New.name(), PaymentStatus::Pending.name()];
        let found = payment::Entity::find()
            .filter(payment::Column::AccountId.eq(account_id.0))
            .filter(payment::Column::Status.is_in(open))
            .order_by_asc(payment::Column::Id)
            .all(self.db.reader())
            .await?;
        found.into_iter().map(rows::payment_from).collect()
    }

    /// The account's subscription that has not ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn live_subscription(&self, account_id: AccountId) -> Result<Option<Subscription>, Error> {
        let row = subscription::Entity::find()
            .filter(subscription::Column::AccountId.eq(account_id.0))
            .filter(subscription::Column::Status.ne(SubscriptionStatus::Ended.name()))
            .one(self.db.reader())
            .await?;
        row.map(rows::subscription_from).transpose()
    }

    /// A subscription, ended or not.
    ///
    /// # Errors
    /// The database's.
    pub async fn subscription(
        &self,
        account_id: AccountId,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, Error> {
        let row = subscription::Entity::find_by_id((account_id.0, id.0)).one(self.db.reader()).await?;
        row.map(rows::subscription_from).transpose()
    }

    /// A refund.
    ///
    /// # Errors
    /// The database's.
    pub async fn refund(&self, account_id: AccountId, id: RefundId) -> Result<Option<Refund>, Error> {
        let row = refund::Entity::find_by_id((account_id.0, id.0)).one(self.db.reader()).await?;
        row.map(rows::refund_from).transpose()
    }

    /// An account's refunds, oldest first; all of them, or one payment's.
    ///
    /// # Errors
    /// The database's.
    pub async fn refunds(
        &self,
        account_id: AccountId,
        payment_id: Option<PaymentId>,
    ) -> Result<Vec<Refund>, Error> {
        let mut query = refund::Entity::find().filter(refund::Column::AccountId.eq(account_id.0));
        if let Some(id) = payment_id {
            query = query.filter(refund::Column::PaymentId.eq(id.0));
        }
        let found = query.order_by_asc(refund::Column::Id).all(self.db.reader()).await?;
        found.into_iter().map(rows::refund_from).collect()
    }

    /// The ledger entries that moved an account's permanent tokens, in no particular order.
    ///
    /// # Errors
    /// The database's.
    pub async fn permanent_entries(&self, account_id: AccountId) -> Result<Vec<Entry>, Error> {
        let permanent = Leg::Permanent.name();
        let moved = ledger_entry::Column::Debit.eq(permanent).or(ledger_entry::Column::Credit.eq(permanent));
        let query = ledger_entry::Entity::find()
            .filter(ledger_entry::Column::AccountId.eq(account_id.0))
            .filter(moved);
        query.all(self.db.reader()).await?.into_iter().map(rows::entry_from).collect()
    }

    /// Plan tokens of a cycle that were of use: spent by generations that completed and were not given back, or traded in for a
    /// higher plan.
    ///
    /// # Errors
    /// The database's.
    pub async fn cycle_used_tokens(&self, account_id: AccountId, cycle_id: CycleId) -> Result<i64, Error> {
        let sql = "SELECT CAST(
                (SELECT COALESCE(SUM(plan_tokens - COALESCE(refunded_tokens - permanent_tokens, 0)), 0) FROM generations
                    WHERE account_id = $1 AND cycle_id = $2 AND status = 'completed')
                + (SELECT COALESCE(SUM(trade_in_tokens), 0) FROM payments
                    WHERE account_id = $3 AND trade_in_cycle_id = $4
                        AND status IN ('paid', 'applying', 'succeeded'))
            AS BIGINT) AS used";
        let (account_id, cycle_id) = (account_id.0, cycle_id.0);
        let values = [account_id.into(), cycle_id.into(), account_id.into(), cycle_id.into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let row = self.db.reader().query_one_raw(statement).await?;
        row.map_or(Ok(0), |row| Ok(row.try_get("", "used")?))
    }
}

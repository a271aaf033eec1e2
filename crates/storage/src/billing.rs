//! Payments, subscriptions and refunds. The rules stand elsewhere: here rows are read whole and written whole, and a change
//! is made only to the version that was seen, so that of two who decide at once one decides again.

mod all;
mod claim;
mod daily;
mod read;
mod report;
mod rows;

pub use daily::DailyClaim;

use crate::{
    Error, Storage,
    bindings::bind_payment,
    entity::{event, payment, payment_directory, refund, subscription},
};
use domain::{
    billing::{Payment, Refund, Subscription},
    id::{AccountId, PaymentId},
    ledger::Binding,
    port::PaymentMethod,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait,
    IntoActiveModel, ModelTrait, QueryFilter, SqlErr,
};

/// What a payment is found by where the account is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentName(String);

impl PaymentName {
    /// By our own reference.
    pub fn reference(reference: &str) -> Self {
        Self(format!("order:{reference}"))
    }

    /// By the service's own id.
    pub fn gateway(method: PaymentMethod, gateway_id: &str) -> Self {
        Self(format!("{}:{gateway_id}", method.name()))
    }

    /// By the service's own id of a refund that it made without us.
    pub fn refund(method: PaymentMethod, gateway_id: &str) -> Self {
        Self(format!("{}:refund:{gateway_id}", method.name()))
    }
}

/// Something that happened, for whoever wants to hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Its id, fresh.
    pub id: i64,
    /// Whose account.
    pub account_id: AccountId,
    /// What, as `payment.succeeded`.
    pub event_type: &'static str,
    /// A JSON object.
    pub data: String,
}

/// Rows to be written together, or not at all.
#[derive(Clone, Debug, Default)]
pub struct BillingWrite {
    /// Payments that are new.
    pub new_payments: Vec<Payment>,
    /// Payments that change; each as it was read, but for what changes.
    pub payments: Vec<Payment>,
    /// Subscriptions that are new.
    pub new_subscriptions: Vec<Subscription>,
    /// Subscriptions that change.
    pub subscriptions: Vec<Subscription>,
    /// Refunds that are new.
    pub new_refunds: Vec<Refund>,
    /// Refunds that change.
    pub refunds: Vec<Refund>,
    /// Names for payments; a name that is taken spoils the whole.
    pub names: Vec<(PaymentName, AccountId, PaymentId)>,
    /// What is to be told of it.
    pub events: Vec<NewEvent>,
    /// Names of requests, bound to the payments that they ask for; a name that is taken spoils the whole.
    pub bindings: Vec<(AccountId, Binding, PaymentId)>,
}

impl Storage {
    /// Writes all of it in one transaction, and gives every row back to whoever comes next. `false`, and nothing is written,
    /// when a row has changed since it was read, a name is taken, or the account has a live subscription already: read
    /// again, and decide again.
    ///
    /// # Errors
    /// The database's.
    pub async fn write_billing(&self, write: BillingWrite) -> Result<bool, Error> {
        let transaction = self.db.begin().await?;
        match write_all(&transaction, write, self.clock.now()).await {
            Ok(()) => {
                self.db.commit(transaction, "write_billing").await?;
                Ok(true)
            }
            Err(DbErr::RecordNotUpdated) => Ok(false),
            Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Rows of what ends first: a new subscription takes the place of one that ends in the same transaction.
async fn write_all<C: ConnectionTrait>(db: &C, write: BillingWrite, now: Timestamp) -> Result<(), DbErr> {
    for changed in write.subscriptions {
        use subscription::Column::{AccountId, Id, Version};
        update::<subscription::Entity, _>(db, rows::subscription_row(changed), [AccountId, Id, Version])
            .await?;
    }
    for changed in write.payments {
        use payment::Column::{AccountId, Id, Version};
        update::<payment::Entity, _>(db, rows::payment_row(changed), [AccountId, Id, Version]).await?;
    }
    for changed in write.refunds {
        use refund::Column::{AccountId, Id, Version};
        update::<refund::Entity, _>(db, rows::refund_row(changed), [AccountId, Id, Version]).await?;
    }
    for new in write.new_subscriptions {
        let row = rows::subscription_row(new).into_active_model();
        subscription::Entity::insert(row).exec_without_returning(db).await?;
    }
    for new in write.new_payments {
        let row = rows::payment_row(new).into_active_model();
        payment::Entity::insert(row).exec_without_returning(db).await?;
    }
    for new in write.new_refunds {
        refund::Entity::insert(rows::refund_row(new).into_active_model()).exec_without_returning(db).await?;
    }
    for (PaymentName(name), account_id, payment_id) in write.names {
        let row = payment_directory::ActiveModel {
            name: Set(name),
            account_id: Set(account_id.0),
            payment_id: Set(payment_id.0),
        };
        payment_directory::Entity::insert(row).exec_without_returning(db).await?;
    }
    for new in write.events {
        let row = event::ActiveModel {
            account_id: Set(new.account_id.0),
            id: Set(new.id),
            r#type: Set(new.event_type.to_owned()),
            data: Set(new.data),
            created_at_ms: Set(now.unix_ms()),
            is_new: Set(1),
        };
        event::Entity::insert(row).exec_without_returning(db).await?;
    }
    for (account_id, binding, payment_id) in write.bindings {
        bind_payment(db, account_id, &binding, payment_id, now).await?;
    }
    Ok(())
}

/// Writes a row over the version before it, if that is still there.
async fn update<E, C>(db: &C, row: E::Model, [account_id, id, version]: [E::Column; 3]) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    C: ConnectionTrait,
{
    let update = E::update_many()
        .filter(account_id.eq(row.get(account_id)))
        .filter(id.eq(row.get(id)))
        .filter(version.into_expr().add(1).eq(row.get(version)))
        .set(row.into_active_model().reset_all());
    let written = update.exec(db).await?.rows_affected;
    if written == 1 { Ok(()) } else { Err(DbErr::RecordNotUpdated) }
}

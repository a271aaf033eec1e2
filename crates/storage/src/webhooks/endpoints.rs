//! Addresses that an account has its events sent to.

use crate::{
    Error, Storage,
    db::Transaction,
    entity::webhook_endpoint,
    ledger::{lock_listens, write_listens},
};
use domain::{
    id::{AccountId, EndpointId},
    time::Timestamp,
    webhook::{EventType, ROTATION_OVERLAP_MS},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    Statement,
    sea_query::{Expr, ExprTrait},
};

/// Deliveries that one statement changes, and such statements at most.
const STEP_LEN: u64 = 1_000;
const MOST_STEPS: usize = 10;

/// An address to be told.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// Whose.
    pub account_id: AccountId,
    /// Its id, fresh.
    pub id: EndpointId,
    /// Where.
    pub url: String,
    /// What is sent there; everything, what is added later too, where it is not said.
    pub events: Option<Vec<EventType>>,
    /// When it was named.
    pub created_at: Timestamp,
}

/// An address that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRecord {
    /// Whose.
    pub account_id: AccountId,
    /// Its id.
    pub id: EndpointId,
    /// Where.
    pub url: String,
    /// What is sent there.
    pub events: Vec<EventType>,
    /// The number of its secret.
    pub rotation: i64,
    /// The number of the oldest secret that signed when the latest came.
    pub oldest_rotation: i64,
    /// When the latest came, where it is not the first.
    pub rotated_at: Option<Timestamp>,
    /// Since when nothing is sent there.
    pub disabled_at: Option<Timestamp>,
    /// Since when nothing has got through.
    pub failing_since: Option<Timestamp>,
    /// How the last attempt failed, until one succeeds.
    pub last_error: Option<String>,
    /// When it was named.
    pub created_at: Timestamp,
}

impl From<webhook_endpoint::Model> for EndpointRecord {
    fn from(row: webhook_endpoint::Model) -> Self {
        let events = row.events.as_deref().map(|names| {
            // A type that this version does not know is none that it can send.
            names.split(' ').filter_map(EventType::parse).collect()
        });
        Self {
            account_id: AccountId(row.account_id),
            id: EndpointId(row.id),
            url: row.url,
            events: events.unwrap_or_else(|| EventType::ALL.to_vec()),
            rotation: row.rotation,
            oldest_rotation: row.oldest_rotation,
            rotated_at: row.rotated_at_ms.map(Timestamp::from_unix_ms),
            disabled_at: row.disabled_at_ms.map(Timestamp::from_unix_ms),
            failing_since: row.failing_since_ms.map(Timestamp::from_unix_ms),
            last_error: row.last_error,
            created_at: Timestamp::from_unix_ms(row.created_at_ms),
        }
    }
}

impl Storage {
    /// Stores an endpoint. `false` when the account has `most` already.
    ///
    /// # Errors
    /// The database's.
    pub async fn create_endpoint(&self, new: NewEndpoint, most: u64) -> Result<bool, Error> {
        let transaction = self.lock_endpoints(new.account_id).await?;
        let own =
            webhook_endpoint::Entity::find().filter(webhook_endpoint::Column::AccountId.eq(new.account_id.0));
        if own.count(&transaction).await? >= most {
            return Ok(false);
        }
        let names = new.events.map(|events| events.into_iter().map(EventType::name).collect::<Vec<_>>());
        let row = webhook_endpoint::ActiveModel {
            account_id: Set(new.account_id.0),
            id: Set(new.id.0),
            url: Set(new.url),
            events: Set(names.map(|names| names.join(" "))),
            rotation: Set(0),
            oldest_rotation: Set(0),
            created_at_ms: Set(new.created_at.unix_ms()),
            ..Default::default()
        };
        webhook_endpoint::Entity::insert(row).exec_without_returning(&transaction).await?;
        self.db.commit(transaction, "create_endpoint").await?;
        Ok(true)
    }

    /// An account's endpoints, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn endpoints(&self, account_id: AccountId) -> Result<Vec<EndpointRecord>, Error> {
        let query = webhook_endpoint::Entity::find()
            .filter(webhook_endpoint::Column::AccountId.eq(account_id.0))
            .order_by_asc(webhook_endpoint::Column::Id);
        Ok(query.all(self.db.reader()).await?.into_iter().map(EndpointRecord::from).collect())
    }

    /// The endpoints of several accounts that are not disabled.
    ///
    /// # Errors
    /// The database's.
    pub async fn enabled_endpoints(
        &self,
        accounts: impl IntoIterator<Item = AccountId>,
    ) -> Result<Vec<EndpointRecord>, Error> {
        let query = webhook_endpoint::Entity::find()
            .filter(webhook_endpoint::Column::AccountId.is_in(accounts.into_iter().map(|id| id.0)))
            .filter(webhook_endpoint::Column::DisabledAtMs.is_null());
        Ok(query.all(self.db.reader()).await?.into_iter().map(EndpointRecord::from).collect())
    }

    /// One of an account's endpoints.
    ///
    /// # Errors
    /// The database's.
    pub async fn endpoint(
        &self,
        account_id: AccountId,
        id: EndpointId,
    ) -> Result<Option<EndpointRecord>, Error> {
        let row = webhook_endpoint::Entity::find_by_id((account_id.0, id.0)).one(self.db.reader()).await?;
        Ok(row.map(EndpointRecord::from))
    }

    /// Gives an endpoint its next secret, and says how it stands then. Those that sign now do so for a while; of secrets
    /// that follow each other quickly, the last four.
    ///
    /// # Errors
    /// The database's.
    pub async fn rotate_endpoint(
        &self,
        account_id: AccountId,
        id: EndpointId,
        now: Timestamp,
    ) -> Result<Option<EndpointRecord>, Error> {
        let sql = "UPDATE webhook_endpoints SET rotation = rotation + 1, rotated_at_ms = $3,
                oldest_rotation = CASE
                    WHEN rotated_at_ms IS NULL OR rotated_at_ms <= $4 THEN rotation
                    WHEN oldest_rotation < rotation - 2 THEN rotation - 2
                    ELSE oldest_rotation END
            WHERE account_id = $1 AND id = $2 RETURNING *";
        let over = now.plus_ms(-ROTATION_OVERLAP_MS);
        let values = [account_id.0, id.0, now.unix_ms(), over.unix_ms()].map(Into::into);
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let row = self.db.writer().query_one_raw(statement).await?;
        let row = row.map(|row| webhook_endpoint::Model::from_query_result(&row, "")).transpose()?;
        Ok(row.map(EndpointRecord::from))
    }

    /// Disables an endpoint at `disabled_at`, or enables it. What is on its way to one that is disabled is given up: most of it
    /// now, and what is left when its turn comes. `false` when there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_endpoint_disabled(
        &self,
        account_id: AccountId,
        id: EndpointId,
        disabled_at: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let transaction = self.lock_endpoints(account_id).await?;
        let change = match disabled_at {
            Some(at) => webhook_endpoint::ActiveModel {
                disabled_at_ms: Set(Some(at.unix_ms())),
                ..Default::default()
            },
            // Its failures before are forgiven.
            None => webhook_endpoint::ActiveModel {
                disabled_at_ms: Set(None),
                failing_since_ms: Set(None),
                last_error: Set(None),
                ..Default::default()
            },
        };
        let update = webhook_endpoint::Entity::update_many()
            .set(change)
            .filter(webhook_endpoint::Column::AccountId.eq(account_id.0))
            .filter(webhook_endpoint::Column::Id.eq(id.0));
        if update.exec(&transaction).await?.rows_affected == 0 {
            return Ok(false);
        }
        write_listens(&transaction, account_id).await?;
        self.db.commit(transaction, "change_endpoint").await?;
        if disabled_at.is_some() {
            self.give_up_deliveries(account_id, id).await?;
        }
        Ok(true)
    }

    /// Forgets an endpoint and what was sent there: most of it now, what is left on its way when its turn comes, and the rest,
    /// which nobody sees, with its age. `false` when there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_endpoint(&self, account_id: AccountId, id: EndpointId) -> Result<bool, Error> {
        let transaction = self.lock_endpoints(account_id).await?;
        let deleted = webhook_endpoint::Entity::delete_by_id((account_id.0, id.0)).exec(&transaction).await?;
        if deleted.rows_affected == 0 {
            return Ok(false);
        }
        write_listens(&transaction, account_id).await?;
        self.db.commit(transaction, "delete_endpoint").await?;
        self.forget_deliveries(account_id, id).await?;
        Ok(true)
    }

    async fn give_up_deliveries(&self, account_id: AccountId, id: EndpointId) -> Result<(), Error> {
        let sql = "UPDATE webhook_deliveries
            SET status = 'failed', due_at_ms = NULL, error = 'the endpoint was disabled'
            WHERE due_at_ms IS NOT NULL AND (account_id, id) IN (SELECT account_id, id FROM webhook_deliveries
                WHERE account_id = $1 AND endpoint_id = $2 AND due_at_ms IS NOT NULL AND is_redelivery = 0
                LIMIT $3)";
        self.in_steps(sql, account_id, id).await
    }

    async fn forget_deliveries(&self, account_id: AccountId, id: EndpointId) -> Result<(), Error> {
        let sql = "DELETE FROM webhook_deliveries WHERE (account_id, id) IN (
                SELECT account_id, id FROM webhook_deliveries WHERE account_id = $1 AND endpoint_id = $2 LIMIT $3)";
        self.in_steps(sql, account_id, id).await
    }

    /// Changes an endpoint's deliveries step by step, without the wallet's lock. Whoever asked does not wait for very many.
    async fn in_steps(&self, sql: &str, account_id: AccountId, id: EndpointId) -> Result<(), Error> {
        for _ in 0..MOST_STEPS {
            let step = i64::try_from(STEP_LEN).unwrap_or(i64::MAX);
            let values = [account_id.0, id.0, step].map(Into::into);
            let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
            if self.db.writer().execute_raw(statement).await?.rows_affected() < STEP_LEN {
                break;
            }
        }
        Ok(())
    }

    /// Notes how an attempt at an endpoint went: since when nothing gets through, and how the last one failed. Gives the
    /// former.
    ///
    /// # Errors
    /// The database's.
    pub async fn note_endpoint_health(
        &self,
        account_id: AccountId,
        id: EndpointId,
        failure: Option<(&str, Timestamp)>,
    ) -> Result<Option<Timestamp>, Error> {
        let known = self.endpoint(account_id, id).await?;
        let (since, error) = known.map(|known| (known.failing_since, known.last_error)).unwrap_or_default();
        let changes_nothing = match failure {
            None => since.is_none(),
            Some((failure, _)) => since.is_some() && error.as_deref() == Some(failure),
        };
        if changes_nothing {
            return Ok(since);
        }
        let update = webhook_endpoint::Entity::update_many()
            .filter(webhook_endpoint::Column::AccountId.eq(account_id.0))
            .filter(webhook_endpoint::Column::Id.eq(id.0));
        let Some((error, now)) = failure else {
            let well = update
                .filter(webhook_endpoint::Column::FailingSinceMs.is_not_null())
                .col_expr(webhook_endpoint::Column::FailingSinceMs, Expr::value(None::<i64>))
                .col_expr(webhook_endpoint::Column::LastError, Expr::value(None::<String>));
            well.exec(self.db.writer()).await?;
            return Ok(None);
        };
        let since = Expr::col(webhook_endpoint::Column::FailingSinceMs);
        let since = Expr::case(since.clone().is_null(), Expr::value(now.unix_ms())).finally(since);
        let ill = update
            .col_expr(webhook_endpoint::Column::FailingSinceMs, since.into())
            .col_expr(webhook_endpoint::Column::LastError, Expr::value(error));
        let rows = ill.exec_with_returning(self.db.writer()).await?;
        let since_ms = rows.first().and_then(|row| row.failing_since_ms);
        Ok(since_ms.map(Timestamp::from_unix_ms))
    }

    /// A transaction in which nobody else changes the account's endpoints.
    async fn lock_endpoints(&self, account_id: AccountId) -> Result<Transaction, Error> {
        let transaction = self.db.begin().await?;
        if !lock_listens(&transaction, account_id).await? {
            return Err(Error::BadRow(format!("wallets, account {account_id}")));
        }
        Ok(transaction)
    }
}

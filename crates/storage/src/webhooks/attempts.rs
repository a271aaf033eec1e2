//! Attempts at deliveries, and what came of them.

use super::ClaimedDelivery;
use crate::{Error, Storage, entity::webhook_delivery};
use domain::{
    id::{AccountId, DeliveryId, EndpointId},
    time::Timestamp,
    webhook::GIVEN_UP_AFTER_MS,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter,
    QueryResult, Statement,
};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// It is tried, or tried again.
    Pending,
    /// It got through.
    Succeeded,
    /// It was given up.
    Failed,
}

impl DeliveryStatus {
    /// Its name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// A delivery as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its id.
    pub id: DeliveryId,
    /// The event that it brings.
    pub event_id: i64,
    /// The name of the event's type; `None` when the event is no longer kept.
    pub event_type: Option<String>,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts that were made.
    pub attempts: i64,
    /// The HTTP status by which the last one was answered.
    pub response_status: Option<i64>,
    /// How the last one failed.
    pub error: Option<String>,
    /// When the last one was begun.
    pub last_attempt_at: Option<Timestamp>,
    /// When the next one is due.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptOutcome {
    /// Whether anything was sent: only then it counts.
    pub is_sent: bool,
    /// The HTTP status by which it was answered.
    pub response_status: Option<u16>,
    /// How it failed; `None` when it got through.
    pub error: Option<String>,
    /// When to try again; `None` when it got through, or is given up.
    pub next_attempt_at: Option<Timestamp>,
}

impl Storage {
    /// Writes what came of an attempt. `false` when the claim is no longer this worker's.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_attempt(
        &self,
        delivery: &ClaimedDelivery,
        outcome: AttemptOutcome,
    ) -> Result<bool, Error> {
        let status = match (&outcome.error, outcome.next_attempt_at) {
            (None, _) => DeliveryStatus::Succeeded,
            (Some(_), Some(_)) => DeliveryStatus::Pending,
            (Some(_), None) => DeliveryStatus::Failed,
        };
        let due_at = outcome.next_attempt_at.filter(|_| status == DeliveryStatus::Pending);
        let change = webhook_delivery::ActiveModel {
            status: Set(status.name().to_owned()),
            due_at_ms: Set(due_at.map(Timestamp::unix_ms)),
            leased_until_ms: Set(0),
            response_status: Set(outcome.response_status.map(i64::from)),
            error: Set(outcome.error),
            ..Default::default()
        };
        let attempts = webhook_delivery::Column::Attempts;
        let written = webhook_delivery::Entity::update_many()
            .set(change)
            .col_expr(attempts, attempts.into_expr().add(i64::from(outcome.is_sent)))
            .filter(webhook_delivery::Column::AccountId.eq(delivery.account_id.0))
            .filter(webhook_delivery::Column::Id.eq(delivery.id.0))
            .filter(webhook_delivery::Column::Claim.eq(delivery.claim))
            .filter(webhook_delivery::Column::Status.eq(DeliveryStatus::Pending.name()))
            .exec(self.db.writer())
            .await?;
        Ok(written.rows_affected == 1)
    }

    /// Forgets a delivery that nobody waits for any more, while the claim is this worker's.
    ///
    /// # Errors
    /// The database's.
    pub async fn drop_delivery(&self, delivery: &ClaimedDelivery) -> Result<(), Error> {
        webhook_delivery::Entity::delete_many()
            .filter(webhook_delivery::Column::AccountId.eq(delivery.account_id.0))
            .filter(webhook_delivery::Column::Id.eq(delivery.id.0))
            .filter(webhook_delivery::Column::Claim.eq(delivery.claim))
            .exec(self.db.writer())
            .await?;
        Ok(())
    }

    /// An endpoint's deliveries, newest first, after the first `offset` of them.
    ///
    /// # Errors
    /// The database's.
    pub async fn deliveries(
        &self,
        account_id: AccountId,
        endpoint_id: EndpointId,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<DeliveryRecord>, Error> {
        let sql = "SELECT d.*, e.type AS event_type FROM webhook_deliveries d
                LEFT JOIN events e ON e.account_id = d.account_id AND e.id = d.event_id
            WHERE d.account_id = $1 AND d.endpoint_id = $2 ORDER BY d.id DESC LIMIT $3 OFFSET $4";
        let page = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let values = [account_id.0, endpoint_id.0, page(limit), page(offset)].map(Into::into);
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let rows = self.db.reader().query_all_raw(statement).await?;
        rows.iter().map(record).collect()
    }

    /// How many deliveries an endpoint has, `limit` at most.
    ///
    /// # Errors
    /// The database's.
    pub async fn deliveries_len(
        &self,
        account_id: AccountId,
        endpoint_id: EndpointId,
        limit: u64,
    ) -> Result<u64, Error> {
        let sql = "SELECT COUNT(*) AS n FROM (
            SELECT 1 FROM webhook_deliveries WHERE account_id = $1 AND endpoint_id = $2 LIMIT $3) AS found";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [account_id.0, endpoint_id.0, limit].map(Into::into);
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let row = self.db.reader().query_one_raw(statement).await?;
        let n: i64 = row.map(|row| row.try_get("", "n")).transpose()?.unwrap_or_default();
        Ok(u64::try_from(n).unwrap_or_default())
    }

    /// Has a delivery sent once more, from the start and at once, whatever became of it; and says how it stands then. An
    /// attempt that is under way no longer counts.
    ///
    /// # Errors
    /// The database's.
    pub async fn redeliver(
        &self,
        account_id: AccountId,
        endpoint_id: EndpointId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<Option<DeliveryRecord>, Error> {
        let sql = "UPDATE webhook_deliveries SET status = 'pending', attempts = 0, is_redelivery = 1,
                due_at_ms = $4, give_up_at_ms = $5, claim = claim + 1, leased_until_ms = 0
            WHERE account_id = $1 AND endpoint_id = $2 AND id = $3
            RETURNING *, (SELECT type FROM events e
                WHERE e.account_id = webhook_deliveries.account_id AND e.id = event_id) AS event_type";
        let give_up_at = now.plus_ms(GIVEN_UP_AFTER_MS);
        let values = [account_id.0, endpoint_id.0, id.0, now.unix_ms(), give_up_at.unix_ms()].map(Into::into);
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let row = self.db.writer().query_one_raw(statement).await?;
        row.as_ref().map(record).transpose()
    }
}

fn record(found: &QueryResult) -> Result<DeliveryRecord, Error> {
    let row = webhook_delivery::Model::from_query_result(found, "")?;
    let status = [DeliveryStatus::Pending, DeliveryStatus::Succeeded, DeliveryStatus::Failed];
    let status = status.into_iter().find(|status| status.name() == row.status);
    Ok(DeliveryRecord {
        id: DeliveryId(row.id),
        event_id: row.event_id,
        event_type: found.try_get("", "event_type")?,
        status: status.ok_or_else(|| Error::BadRow(format!("webhook_deliveries, id {}", row.id)))?,
        attempts: row.attempts,
        response_status: row.response_status,
        error: row.error,
        last_attempt_at: row.last_attempt_at_ms.map(Timestamp::from_unix_ms),
        next_attempt_at: row.due_at_ms.map(Timestamp::from_unix_ms),
        created_at: Timestamp::from_unix_ms(row.created_at_ms),
    })
}

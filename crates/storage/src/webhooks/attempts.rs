//! Attempts at deliveries, and what came of them.

use crate::{Error, Storage, entity::webhook_delivery};
use domain::{
    id::{AccountId, DeliveryId, EndpointId},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, PaginatorTrait,
    QueryFilter, QueryOrder, QueryResult, QuerySelect, Statement, Value,
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
    /// Attempts that were begun.
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

/// A delivery that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    /// Whose.
    pub account_id: AccountId,
    /// Which.
    pub id: DeliveryId,
    /// The host that it goes to.
    pub host: String,
}

/// A delivery that this worker may attempt until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// Whose.
    pub account_id: AccountId,
    /// Which.
    pub id: DeliveryId,
    /// To which endpoint; `None` where a generation has an address of its own.
    pub endpoint_id: Option<EndpointId>,
    /// The event that it brings.
    pub event_id: i64,
    /// Where to.
    pub url: String,
    /// Attempts that were begun, this included.
    pub attempts: i64,
    /// Under which claim.
    pub claim: i64,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptOutcome {
    /// The HTTP status by which it was answered.
    pub response_status: Option<u16>,
    /// How it failed; `None` when it got through.
    pub error: Option<String>,
    /// When to try again; `None` when it got through, or is given up.
    pub next_attempt_at: Option<Timestamp>,
}

impl Storage {
    /// Up to `limit` deliveries that are due at `now`, those that wait longest first, but none to the hosts in `without`.
    ///
    /// # Errors
    /// The database's.
    pub async fn due_deliveries(
        &self,
        now: Timestamp,
        limit: u32,
        without: Vec<String>,
    ) -> Result<Vec<DueDelivery>, Error> {
        let query = webhook_delivery::Entity::find()
            .select_only()
            .columns([
                webhook_delivery::Column::AccountId,
                webhook_delivery::Column::Id,
                webhook_delivery::Column::Host,
            ])
            .filter(webhook_delivery::Column::DueAtMs.lte(now.unix_ms()))
            .filter(webhook_delivery::Column::LeasedUntilMs.lte(now.unix_ms()))
            .filter(webhook_delivery::Column::Host.is_not_in(without))
            .order_by_asc(webhook_delivery::Column::DueAtMs)
            .limit(u64::from(limit))
            .into_tuple::<(i64, i64, String)>();
        let due = query.all(self.db.reader()).await?.into_iter();
        let due = due.map(|(account, id, host)| DueDelivery {
            account_id: AccountId(account),
            id: DeliveryId(id),
            host,
        });
        Ok(due.collect())
    }

    /// Claims those of `due` that still are, until `leased_until`. No two workers get the same one: the update's own
    /// condition repeats the test, and PostgreSQL skips rows that another is just claiming.
    ///
    /// # Errors
    /// The database's.
    pub async fn claim_deliveries(
        &self,
        due: &[DueDelivery],
        now: Timestamp,
        leased_until: Timestamp,
    ) -> Result<Vec<ClaimedDelivery>, Error> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let lock = if self.db.backend() == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
        let places: Vec<String> =
            (0..due.len()).map(|n| format!("(${}, ${})", 2 * n + 3, 2 * n + 4)).collect();
        let sql = format!(
            "UPDATE webhook_deliveries
                SET claim = claim + 1, attempts = attempts + 1, leased_until_ms = $2, last_attempt_at_ms = $1
            WHERE (account_id, id) IN (
                    SELECT account_id, id FROM webhook_deliveries
                    WHERE (account_id, id) IN (VALUES {}) AND due_at_ms <= $1 AND leased_until_ms <= $1 {lock}
                ) AND due_at_ms <= $1 AND leased_until_ms <= $1
            RETURNING *",
            places.join(", ")
        );
        let mut values: Vec<Value> = vec![now.unix_ms().into(), leased_until.unix_ms().into()];
        values.extend(due.iter().flat_map(|due| [due.account_id.0, due.id.0]).map(Value::from));
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let rows = self.db.writer().query_all_raw(statement).await?;
        rows.iter().map(claimed).collect()
    }

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
        let written = webhook_delivery::Entity::update_many()
            .set(change)
            .filter(webhook_delivery::Column::AccountId.eq(delivery.account_id.0))
            .filter(webhook_delivery::Column::Id.eq(delivery.id.0))
            .filter(webhook_delivery::Column::Claim.eq(delivery.claim))
            .filter(webhook_delivery::Column::Status.eq(DeliveryStatus::Pending.name()))
            .exec(self.db.writer())
            .await?;
        Ok(written.rows_affected == 1)
    }

    /// An endpoint's deliveries, newest first, after the first `offset` of them; and how many there are.
    ///
    /// # Errors
    /// The database's.
    pub async fn deliveries(
        &self,
        account_id: AccountId,
        endpoint_id: EndpointId,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<DeliveryRecord>, u64), Error> {
        let own = webhook_delivery::Entity::find()
            .filter(webhook_delivery::Column::AccountId.eq(account_id.0))
            .filter(webhook_delivery::Column::EndpointId.eq(endpoint_id.0));
        let total = own.count(self.db.reader()).await?;
        let sql = "SELECT d.*, e.type AS event_type FROM webhook_deliveries d
                LEFT JOIN events e ON e.account_id = d.account_id AND e.id = d.event_id
            WHERE d.account_id = $1 AND d.endpoint_id = $2 ORDER BY d.id DESC LIMIT $3 OFFSET $4";
        let page = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let values = [account_id.0, endpoint_id.0, page(limit), page(offset)].map(Into::into);
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let rows = self.db.reader().query_all_raw(statement).await?;
        Ok((rows.iter().map(record).collect::<Result<_, _>>()?, total))
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
        let sql = "UPDATE webhook_deliveries SET status = 'pending', attempts = 0, due_at_ms = $4,
                claim = claim + 1, leased_until_ms = 0
            WHERE account_id = $1 AND endpoint_id = $2 AND id = $3
            RETURNING *, (SELECT type FROM events e
                WHERE e.account_id = webhook_deliveries.account_id AND e.id = event_id) AS event_type";
        let values = [account_id.0, endpoint_id.0, id.0, now.unix_ms()].map(Into::into);
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let row = self.db.writer().query_one_raw(statement).await?;
        row.as_ref().map(record).transpose()
    }
}

fn claimed(row: &QueryResult) -> Result<ClaimedDelivery, Error> {
    let row = webhook_delivery::Model::from_query_result(row, "")?;
    Ok(ClaimedDelivery {
        account_id: AccountId(row.account_id),
        id: DeliveryId(row.id),
        endpoint_id: Some(EndpointId(row.endpoint_id)).filter(|id| id.0 != 0),
        event_id: row.event_id,
        url: row.url,
        attempts: row.attempts,
        claim: row.claim,
    })
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

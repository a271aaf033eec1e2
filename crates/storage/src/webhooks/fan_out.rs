//! From events to deliveries.

use super::due::lane_of;
use crate::{
    Error, Storage,
    entity::{event, webhook_delivery, webhook_endpoint},
};
use domain::{
    id::{AccountId, DeliveryId, EndpointId},
    time::Timestamp,
    webhook::{EventType, GIVEN_UP_AFTER_MS},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement, Value, sea_query::OnConflict,
};
use std::collections::BTreeSet;

/// Rows in one statement: SQLite takes 32,766 values, PostgreSQL 65,535.
const INSERT_LEN: usize = 1_000;

/// An event for which no delivery was made yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewsRecord {
    /// Whose.
    pub account_id: AccountId,
    /// Its id.
    pub event_id: i64,
    /// The name of its type.
    pub event_type: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// The address of its own that its generation has.
    pub webhook_url: Option<String>,
}

/// An event to be sent to an address.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Its id, fresh.
    pub id: DeliveryId,
    /// Whose event.
    pub account_id: AccountId,
    /// Which.
    pub event_id: i64,
    /// To which endpoint; `None` where a generation has an address of its own.
    pub endpoint_id: Option<EndpointId>,
    /// Where to.
    pub url: String,
    /// The host of that.
    pub host: String,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// The name of its type.
    pub event_type: String,
    /// A JSON object about it; empty for a generation, whose record says all.
    pub data: String,
    /// When it happened.
    pub created_at: Timestamp,
}

impl Storage {
    /// The oldest events for which no delivery was made yet, `limit` at most. Those of types that this version does not know
    /// wait for a process that does.
    ///
    /// # Errors
    /// The database's.
    pub async fn news(&self, limit: u32) -> Result<Vec<NewsRecord>, Error> {
        let known: Vec<String> = (2..).take(EventType::ALL.len()).map(|n| format!("${n}")).collect();
        // Ids are unique over all there is, so only a generation's event finds a generation.
        let sql = format!(
            "SELECT e.account_id, e.id, e.type, e.created_at_ms, g.webhook_url FROM events e
                LEFT JOIN generations g ON g.account_id = e.account_id AND g.id = e.id
            WHERE e.is_new = 1 AND e.type IN ({}) ORDER BY e.created_at_ms LIMIT $1",
            known.join(", ")
        );
        let mut values: Vec<Value> = vec![i64::from(limit).into()];
        values.extend(EventType::ALL.map(|event_type| event_type.name().into()));
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let rows = self.db.reader().query_all_raw(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(NewsRecord {
                    account_id: AccountId(row.try_get("", "account_id")?),
                    event_id: row.try_get("", "id")?,
                    event_type: row.try_get("", "type")?,
                    created_at: Timestamp::from_unix_ms(row.try_get("", "created_at_ms")?),
                    webhook_url: row.try_get("", "webhook_url")?,
                })
            })
            .collect()
    }

    /// Takes up events with the deliveries that they make; left out are those of an event that another worker has taken up, and
    /// those to an endpoint that is gone or disabled by now.
    ///
    /// # Errors
    /// The database's.
    pub async fn fan_out(&self, news: &[NewsRecord], mut deliveries: Vec<NewDelivery>) -> Result<(), Error> {
        if news.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let transaction = self.db.begin().await?;
        let enabled = lock_enabled(&transaction, &deliveries).await?;
        let taken = take_up(&transaction, news).await?;
        deliveries.retain(|new| {
            let is_heard = new.endpoint_id.is_none_or(|id| enabled.contains(&(new.account_id.0, id.0)));
            is_heard && taken.contains(&(new.account_id.0, new.event_id))
        });
        for some in deliveries.chunks(INSERT_LEN) {
            let once = [
                webhook_delivery::Column::AccountId,
                webhook_delivery::Column::EventId,
                webhook_delivery::Column::EndpointId,
            ];
            let once = OnConflict::columns(once).do_nothing().to_owned();
            let rows = some.iter().map(|new| delivery_row(new, now));
            let insert = webhook_delivery::Entity::insert_many(rows).on_conflict(once);
            insert.exec_without_returning(&transaction).await?;
        }
        self.db.commit(transaction, "fan_out").await?;
        Ok(())
    }

    /// An event.
    ///
    /// # Errors
    /// The database's.
    pub async fn event(&self, account_id: AccountId, event_id: i64) -> Result<Option<EventRecord>, Error> {
        let row = event::Entity::find_by_id((account_id.0, event_id)).one(self.db.reader()).await?;
        Ok(row.map(|row| EventRecord {
            event_type: row.r#type,
            data: row.data,
            created_at: Timestamp::from_unix_ms(row.created_at_ms),
        }))
    }

    /// Forgets up to `limit` deliveries from before `deliveries_before`, and as many events from before `events_before`; says
    /// how many it were.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_events(
        &self,
        deliveries_before: Timestamp,
        events_before: Timestamp,
        limit: u32,
    ) -> Result<u64, Error> {
        let mut forgotten = 0;
        for (table, before) in [("webhook_deliveries", deliveries_before), ("events", events_before)] {
            let sql = format!(
                "DELETE FROM {table} WHERE (account_id, id) IN
                    (SELECT account_id, id FROM {table} WHERE created_at_ms < $1 LIMIT $2)"
            );
            let values = [before.unix_ms().into(), i64::from(limit).into()];
            let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
            forgotten += self.db.background().execute_raw(statement).await?.rows_affected();
        }
        Ok(forgotten)
    }
}

/// Which of the endpoints of `deliveries` are enabled. They stay so until the end of the transaction, so that whoever disables or
/// removes one afterwards finds what was made for it. They are locked before the events: an erasure takes them in that order.
async fn lock_enabled<C: ConnectionTrait>(
    db: &C,
    deliveries: &[NewDelivery],
) -> Result<BTreeSet<(i64, i64)>, Error> {
    let ids: BTreeSet<i64> = deliveries.iter().filter_map(|new| new.endpoint_id).map(|id| id.0).collect();
    let mut enabled = BTreeSet::new();
    for some in ids.into_iter().collect::<Vec<_>>().chunks(INSERT_LEN) {
        let accounts: BTreeSet<i64> = deliveries.iter().map(|new| new.account_id.0).collect();
        let query = webhook_endpoint::Entity::find()
            .filter(webhook_endpoint::Column::AccountId.is_in(accounts))
            .filter(webhook_endpoint::Column::Id.is_in(some.iter().copied()))
            .filter(webhook_endpoint::Column::DisabledAtMs.is_null())
            .order_by_asc(webhook_endpoint::Column::Id)
            .lock_shared();
        enabled.extend(query.all(db).await?.into_iter().map(|row| (row.account_id, row.id)));
    }
    Ok(enabled)
}

/// Marks events as taken up, and says which were still to be. What another worker is just taking up is left to it.
async fn take_up<C: ConnectionTrait>(db: &C, news: &[NewsRecord]) -> Result<BTreeSet<(i64, i64)>, Error> {
    let lock = if db.get_database_backend() == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    let places: Vec<String> = (0..news.len()).map(|n| format!("(${}, ${})", 2 * n + 1, 2 * n + 2)).collect();
    let sql = format!(
        "UPDATE events SET is_new = 0 WHERE is_new = 1 AND (account_id, id) IN (
            SELECT account_id, id FROM events WHERE is_new = 1 AND (account_id, id) IN (VALUES {}) {lock}
        ) RETURNING account_id, id",
        places.join(", ")
    );
    let values = news.iter().flat_map(|event| [event.account_id.0, event.event_id]).map(Value::from);
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = db.query_all_raw(statement).await?;
    rows.iter().map(|row| Ok((row.try_get("", "account_id")?, row.try_get("", "id")?))).collect()
}

fn delivery_row(new: &NewDelivery, now: Timestamp) -> webhook_delivery::ActiveModel {
    webhook_delivery::ActiveModel {
        account_id: Set(new.account_id.0),
        id: Set(new.id.0),
        endpoint_id: Set(new.endpoint_id.map_or(0, |id| id.0)),
        event_id: Set(new.event_id),
        url: Set(new.url.clone()),
        host: Set(new.host.clone()),
        lane: Set(lane_of(new.account_id, &new.host)),
        status: Set("pending".to_owned()),
        attempts: Set(0),
        is_redelivery: Set(0),
        due_at_ms: Set(Some(now.unix_ms())),
        give_up_at_ms: Set(now.plus_ms(GIVEN_UP_AFTER_MS).unix_ms()),
        claim: Set(0),
        leased_until_ms: Set(0),
        response_status: Set(None),
        error: Set(None),
        last_attempt_at_ms: Set(None),
        created_at_ms: Set(now.unix_ms()),
    }
}

//! From events to deliveries.

use crate::{
    Error, Storage,
    entity::{event, webhook_delivery},
};
use domain::{
    id::{AccountId, DeliveryId, EndpointId},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, EntityTrait, FromQueryResult, Statement, Value, sea_query::OnConflict,
};
use std::collections::BTreeSet;

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
    /// The oldest events for which no delivery was made yet, `limit` at most.
    ///
    /// # Errors
    /// The database's.
    pub async fn news(&self, limit: u32) -> Result<Vec<NewsRecord>, Error> {
        // Ids are unique over all there is, so only a generation's event finds a generation.
        let sql = "SELECT e.account_id, e.id, e.type, e.created_at_ms, g.webhook_url FROM events e
                LEFT JOIN generations g ON g.account_id = e.account_id AND g.id = e.id
            WHERE e.is_new = 1 ORDER BY e.created_at_ms LIMIT $1";
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, [i64::from(limit).into()]);
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

    /// Takes up events with the deliveries that they make; those of an event that another worker has taken up are left out.
    ///
    /// # Errors
    /// The database's.
    pub async fn fan_out(&self, news: &[NewsRecord], deliveries: Vec<NewDelivery>) -> Result<(), Error> {
        let now = self.clock.now();
        let transaction = self.db.begin().await?;
        let taken = take_up(&transaction, news).await?;
        let own = deliveries.into_iter().filter(|new| taken.contains(&(new.account_id.0, new.event_id)));
        let rows: Vec<_> = own.map(|new| delivery_row(new, now)).collect();
        if !rows.is_empty() {
            let once = [
                webhook_delivery::Column::AccountId,
                webhook_delivery::Column::EventId,
                webhook_delivery::Column::EndpointId,
            ];
            let once = OnConflict::columns(once).do_nothing().to_owned();
            let insert = webhook_delivery::Entity::insert_many(rows).on_conflict(once);
            insert.exec_without_returning(&transaction).await?;
        }
        transaction.commit().await?;
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

    /// Forgets up to `limit` deliveries, and as many events, from before `before`; says how many it were.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let mut forgotten = 0;
        for table in ["webhook_deliveries", "events"] {
            let sql = format!(
                "DELETE FROM {table} WHERE (account_id, id) IN
                    (SELECT account_id, id FROM {table} WHERE created_at_ms < $1 LIMIT $2)"
            );
            let values = [before.unix_ms().into(), i64::from(limit).into()];
            let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
            forgotten += self.db.writer().execute_raw(statement).await?.rows_affected();
        }
        Ok(forgotten)
    }
}

/// Marks events as taken up, and says which were still to be.
async fn take_up<C: ConnectionTrait>(db: &C, news: &[NewsRecord]) -> Result<BTreeSet<(i64, i64)>, Error> {
    let places: Vec<String> = (0..news.len()).map(|n| format!("(${}, ${})", 2 * n + 1, 2 * n + 2)).collect();
    let sql = format!(
        "UPDATE events SET is_new = 0 WHERE is_new = 1 AND (account_id, id) IN (VALUES {})
        RETURNING account_id, id, type, data, created_at_ms, is_new",
        places.join(", ")
    );
    let values = news.iter().flat_map(|event| [event.account_id.0, event.event_id]).map(Value::from);
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = db.query_all_raw(statement).await?;
    let taken = rows.iter().map(|row| {
        let row = event::Model::from_query_result(row, "")?;
        Ok((row.account_id, row.id))
    });
    taken.collect()
}

fn delivery_row(new: NewDelivery, now: Timestamp) -> webhook_delivery::ActiveModel {
    webhook_delivery::ActiveModel {
        account_id: Set(new.account_id.0),
        id: Set(new.id.0),
        endpoint_id: Set(new.endpoint_id.map_or(0, |id| id.0)),
        event_id: Set(new.event_id),
        url: Set(new.url),
        host: Set(new.host),
        status: Set("pending".to_owned()),
        attempts: Set(0),
        due_at_ms: Set(Some(now.unix_ms())),
        claim: Set(0),
        leased_until_ms: Set(0),
        response_status: Set(None),
        error: Set(None),
        last_attempt_at_ms: Set(None),
        created_at_ms: Set(now.unix_ms()),
    }
}

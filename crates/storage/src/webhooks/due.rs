//! Which deliveries are due, and whose turn it is.
//!
//! What goes from one account to one host stands in a lane. A worker walks along the lanes, from each to the next by its
//! index, and takes a few of each: a long lane keeps nobody waiting but itself.

use crate::{Error, Storage, entity::webhook_delivery};
use domain::{
    id::{AccountId, DeliveryId, EndpointId},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, QueryResult, Statement, Value};
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// A lane in which deliveries wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its number; lanes are walked along in its order, from 0.
    pub id: i64,
    /// The first that is due in it, if one is.
    pub first: Option<(AccountId, String)>,
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
    /// Attempts that were made before.
    pub attempts: i64,
    /// Whether its owner asked for it once more.
    pub is_redelivery: bool,
    /// When it is given up, tried or not.
    pub give_up_at: Timestamp,
    /// Under which claim.
    pub claim: i64,
}

impl Storage {
    /// Up to `limit` lanes in which deliveries wait, due at `now` or later, in their order, those behind the lane `after`.
    ///
    /// # Errors
    /// The database's.
    pub async fn lanes(&self, now: Timestamp, after: i64, limit: u32) -> Result<Vec<Lane>, Error> {
        // Each step and each first of a lane is one look into the index, however many rows there are.
        let first = |column: &str| {
            format!(
                "(SELECT d.{column} FROM webhook_deliveries d WHERE d.lane = lanes.lane
                    AND d.due_at_ms <= $1 AND d.leased_until_ms <= $1 ORDER BY d.due_at_ms, d.id LIMIT 1)"
            )
        };
        let sql = format!(
            "WITH RECURSIVE lanes (lane, n) AS (
                SELECT (SELECT MIN(lane) FROM webhook_deliveries WHERE due_at_ms IS NOT NULL AND lane > $2), 1
                UNION ALL
                SELECT (SELECT MIN(d.lane) FROM webhook_deliveries d
                        WHERE d.due_at_ms IS NOT NULL AND d.lane > lanes.lane), lanes.n + 1
                    FROM lanes WHERE lanes.lane IS NOT NULL AND lanes.n < $3
            )
            SELECT lane, {} AS account_id, {} AS host FROM lanes WHERE lane IS NOT NULL ORDER BY lane",
            first("account_id"),
            first("host"),
        );
        let values = [now.unix_ms(), after, i64::from(limit)].map(Into::into);
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let rows = self.db.reader().query_all_raw(statement).await?;
        rows.iter().map(lane).collect()
    }

    /// What is due at `now` in `lanes`, up to `limit` of each: first those that wait longest in their lanes, then those behind
    /// them. Lanes are to be no more than a hundred.
    ///
    /// # Errors
    /// The database's.
    pub async fn due_deliveries(
        &self,
        now: Timestamp,
        lanes: &[i64],
        limit: u32,
    ) -> Result<Vec<DueDelivery>, Error> {
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let own = (0..lanes.len()).map(|n| {
            let lane = n + 3;
            format!(
                "SELECT * FROM (SELECT account_id, id, host, lane FROM webhook_deliveries
                    WHERE lane = ${lane} AND due_at_ms <= $1 AND leased_until_ms <= $1
                    ORDER BY due_at_ms, id LIMIT $2) AS lane_{lane}"
            )
        });
        let sql = own.collect::<Vec<_>>().join(" UNION ALL ");
        let mut values: Vec<Value> = vec![now.unix_ms().into(), i64::from(limit).into()];
        values.extend(lanes.iter().copied().map(Value::from));
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        let rows = self.db.reader().query_all_raw(statement).await?;
        let mut seen: BTreeMap<i64, u32> = BTreeMap::new();
        let mut due = Vec::with_capacity(rows.len());
        for row in &rows {
            let place = seen.entry(row.try_get("", "lane")?).or_default();
            due.push((*place, due_delivery(row)?));
            *place += 1;
        }
        due.sort_by_key(|(place, _)| *place);
        Ok(due.into_iter().map(|(_, delivery)| delivery).collect())
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
                SET claim = claim + 1, leased_until_ms = $2, last_attempt_at_ms = $1
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
}

/// The lane of what goes from an account to a host. Another release of Rust may number it otherwise: then there are two for a while.
pub(super) fn lane_of(account_id: AccountId, host: &str) -> i64 {
    let mut hasher = DefaultHasher::new();
    (account_id, host).hash(&mut hasher);
    i64::try_from(hasher.finish() >> 1).unwrap_or_default()
}

fn lane(row: &QueryResult) -> Result<Lane, Error> {
    let account: Option<i64> = row.try_get("", "account_id")?;
    let host: Option<String> = row.try_get("", "host")?;
    Ok(Lane { id: row.try_get("", "lane")?, first: account.map(AccountId).zip(host) })
}

fn due_delivery(row: &QueryResult) -> Result<DueDelivery, Error> {
    Ok(DueDelivery {
        account_id: AccountId(row.try_get("", "account_id")?),
        id: DeliveryId(row.try_get("", "id")?),
        host: row.try_get("", "host")?,
    })
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
        is_redelivery: row.is_redelivery == 1,
        give_up_at: Timestamp::from_unix_ms(row.give_up_at_ms),
        claim: row.claim,
    })
}

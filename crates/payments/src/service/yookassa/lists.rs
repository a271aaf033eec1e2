//! The books of a shop: two lists, payments and refunds, newest first, a page at a time.

use super::{
    error,
    object::{PaymentObject, RefundObject},
};
use crate::adapter::{Exchange, Request, Response, Step};
use domain::{
    port::{GatewayError, GatewayRecord},
    time::Timestamp,
};
use serde::{Deserialize, de::DeserializeOwned};

/// What the service gives at once, at most.
const PAGE_ITEMS: usize = 100;

#[derive(Clone, Copy)]
enum List {
    Payments,
    Refunds,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

/// All that was created in that time.
pub(super) fn records(from: Timestamp, to: Timestamp) -> Exchange<Vec<GatewayRecord>> {
    page(List::Payments, (from, to), None, Vec::new())
}

fn page(
    list: List,
    (from, to): (Timestamp, Timestamp),
    cursor: Option<String>,
    mut found: Vec<GatewayRecord>,
) -> Exchange<Vec<GatewayRecord>> {
    let path = match list {
        List::Payments => "/payments",
        List::Refunds => "/refunds",
    };
    let mut query = vec![
        ("limit", PAGE_ITEMS.to_string()),
        ("created_at.gte", from.to_string()),
        ("created_at.lt", to.to_string()),
    ];
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    Exchange::steps(Request::get(path, query), move |response| {
        let next = match list {
            List::Payments => read(response, &mut found, payment)?,
            List::Refunds => read(response, &mut found, refund)?,
        };
        let next = match (next, list) {
            (Some(cursor), list) => page(list, (from, to), Some(cursor), found),
            (None, List::Payments) => page(List::Refunds, (from, to), None, found),
            (None, List::Refunds) => return Ok(Step::Done(found)),
        };
        Ok(Step::Send(Box::new(next)))
    })
}

/// Adds the records of one page; answers where the next begins.
fn read<T: DeserializeOwned>(
    response: &Response,
    found: &mut Vec<GatewayRecord>,
    record: fn(T) -> Result<Option<GatewayRecord>, GatewayError>,
) -> Result<Option<String>, GatewayError> {
    let page: Page<T> = error::read(response)?;
    for item in page.items {
        found.extend(record(item)?);
    }
    Ok(page.next_cursor.filter(|cursor| !cursor.is_empty()))
}

fn payment(object: PaymentObject) -> Result<Option<GatewayRecord>, GatewayError> {
    object.is_in_roubles().then(|| object.payment().map(GatewayRecord::Payment)).transpose()
}

fn refund(object: RefundObject) -> Result<Option<GatewayRecord>, GatewayError> {
    object.is_in_roubles().then(|| object.refund().map(GatewayRecord::Refund)).transpose()
}

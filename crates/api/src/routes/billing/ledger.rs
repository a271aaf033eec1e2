//! `GET /billing/ledger`: an account's own entries, sent as they are read.

mod format;

use crate::{
    error::ApiError,
    extract::AnyPlan,
    openapi::{Operation, Time},
    query::QueryFields,
};
use app::{App, Entries, EntryRecord, Error};
use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use domain::{
    params::FieldError,
    time::{Day, Timestamp},
};
use format::Format;
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// A movement: so many tokens left `debit` and arrived at `credit`.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerEntry)]
struct EntryBody<'a> {
    #[schema(value_type = Time)]
    created_at: Timestamp,
    /// `allowance`, `starter`, `grant`, `package`, `charge`, `expiry`, …
    reason: &'a str,
    /// The generation, cycle, grant, payment or refund behind it.
    source_id: i64,
    /// `issued`, `plan`, `permanent`, `spent`, `expired`, `adjusted` or `owed`.
    debit: &'a str,
    credit: &'a str,
    /// NeuralBox tokens.
    amount_tokens: i64,
}

impl<'a> From<&'a EntryRecord> for EntryBody<'a> {
    fn from(entry: &'a EntryRecord) -> Self {
        Self {
            created_at: entry.created_at(),
            reason: &entry.reason,
            source_id: entry.source_id,
            debit: &entry.debit,
            credit: &entry.credit,
            amount_tokens: entry.amount_tokens,
        }
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
    query: QueryFields,
) -> Result<Response, ApiError> {
    let (from, until, format) = read(query)?;
    let mut entries = app.entries(&caller, from, until);
    // Before the answer begins, so that what goes wrong here can still be said.
    let first = entries.next_page().await?;
    let mut response = Body::from_stream(pages(entries, first, format)).into_response();
    format.describe(response.headers_mut());
    // What an account did is nobody else's to keep.
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    Ok(response)
}

/// From when until when, and how it is to be written.
fn read(mut query: QueryFields) -> Result<(Timestamp, Timestamp, Format), ApiError> {
    let mut time = |field: &'static str, of_day: fn(Day) -> Timestamp| {
        let text = query.text(field)?;
        let time = Day::parse(&text).map(of_day).or_else(|| Timestamp::parse(&text));
        if time.is_none() {
            let allowed = ["YYYY-MM-DD", "YYYY-MM-DDThh:mm:ssZ"];
            query.refuse(FieldError::new(field, "must be a day or an instant").allowing(allowed));
        }
        time
    };
    let from = time("from", Day::starts_at);
    // A day is meant as a whole.
    let until = time("to", |day| day.plus_days(1).starts_at());
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        query.refuse(FieldError::new("to", "must lie after `from`"));
    }
    let format = query.one_of("format", &Format::ALL, Format::name).unwrap_or(Format::Json);
    query.finish()?;
    Ok((from.unwrap_or_default(), until.unwrap_or(Timestamp::from_unix_ms(i64::MAX)), format))
}

/// Where the sending of a ledger stands.
struct Sending {
    entries: Entries,
    page: Option<Vec<EntryRecord>>,
    sent: u64,
    is_over: bool,
}

/// The body, a page at a time. One that cannot be read cuts it off, which a client notices: the end is missing.
fn pages(
    entries: Entries,
    first: Option<Vec<EntryRecord>>,
    format: Format,
) -> impl Stream<Item = Result<String, Error>> {
    let sending = Sending { entries, page: first, sent: 0, is_over: false };
    stream::try_unfold(sending, move |mut sending| async move {
        if sending.is_over {
            return Ok(None);
        }
        let mut text = if sending.sent == 0 { format.head().to_owned() } else { String::new() };
        match sending.page.take() {
            Some(page) => {
                for entry in &page {
                    format.write(&mut text, entry, sending.sent == 0);
                    sending.sent += 1;
                }
                sending.page = sending.entries.next_page().await?;
            }
            None => {
                text.push_str(&format.tail(sending.sent));
                sending.is_over = true;
            }
        }
        Ok(Some((text, sending)))
    })
}

pub(crate) fn operation() -> Operation {
    let time = json!({ "anyOf": [{ "type": "string", "format": "date" }, { "type": "string", "format": "date-time" }] });
    let entry = json!({
        "created_at": "2026-11-22T12:00:01.962Z", "reason": "charge", "source_id": 18473, "debit": "plan",
        "credit": "spent", "amount_tokens": 2,
    });
    Operation::new("List the ledger's entries")
        .about(
            "The account's own, the oldest first, sent as they are read. A body without its end was cut off.",
        )
        .query("from", "From this day or instant on.", time.clone())
        .query("to", "Up to this day, that included, or this instant, that not.", time)
        .query(
            "format",
            "How they are written.",
            json!({ "type": "string", "enum": Format::ALL.map(Format::name), "default": "json" }),
        )
        .answers_list::<EntryBody<'_>>("The entries.", entry)
        .answers_media(200, "The entries.", "text/csv", Some(Format::Csv.head()))
        .refuses(&["validation_error"])
}

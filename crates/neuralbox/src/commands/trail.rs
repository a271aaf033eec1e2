//! What operators' commands leave in the audit trail, and `neuralbox audit`.

use super::{Error, account::operator_app, payments::show::table, time::read_time};
use crate::{output, settings::Settings};
use app::{App, AuditFilter, AuditNote, AuditOutcome, AuditRecord};
use domain::id::AccountId;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Characters of an error that are kept.
const MAX_MESSAGE_CHARS: usize = 500;
const COLUMNS: [&str; 8] =
    ["created_at", "operator", "command", "account_id", "details", "reason", "outcome", "message"];

/// Does what is no single write, between two entries of the trail. `complete` adds to the second what is known only then.
pub(super) async fn noted<T>(
    app: &App,
    note: AuditNote,
    work: impl Future<Output = Result<T, Error>>,
    complete: impl FnOnce(&T, AuditNote) -> AuditNote,
) -> Result<T, Error> {
    let begun = app.note_begun(note.clone()).await?;
    let result = work.await;
    let (note, outcome, message) = match &result {
        Ok(done) => (complete(done, note), AuditOutcome::Done, None),
        Err(error) => {
            let message = error.to_string().chars().take(MAX_MESSAGE_CHARS).collect();
            (note, outcome_of(error), Some(message))
        }
    };
    if let Err(error) = app.note_ended(begun, note, outcome, message).await {
        // What was done stays done, and must be told.
        tracing::error!(%error, begun, "the audit trail does not say how this ended");
    }
    result
}

/// Whether nothing has changed, because it must not; or it could not be done.
const fn outcome_of(error: &Error) -> AuditOutcome {
    match error {
        Error::App(
            app::Error::NotFound(_) | app::Error::Validation(_) | app::Error::EmailTaken | app::Error::Moved,
        )
        | Error::Settings(_) => AuditOutcome::Refused,
        _ => AuditOutcome::Failed,
    }
}

/// What `neuralbox audit` is asked for.
pub(crate) struct Asked {
    pub(crate) account: Option<i64>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) limit: u64,
    pub(crate) json: bool,
}

pub(crate) async fn run(settings: &Settings, asked: Asked) -> Result<ExitCode, Error> {
    let read = |option: &str, text: Option<&str>| text.map(|text| read_time(option, text)).transpose();
    let filter = AuditFilter {
        account_id: asked.account.map(AccountId),
        from: read("--from", asked.from.as_deref())?,
        to: read("--to", asked.to.as_deref())?,
    };
    let app = operator_app(settings).await?;
    let entries = app.audit_entries(filter, asked.limit).await?;
    let data = Value::from_iter(entries.iter().map(row));
    output::print(asked.json, &data, || table(&data, &COLUMNS, "no operator has done anything"));
    Ok(ExitCode::SUCCESS)
}

fn row(entry: &AuditRecord) -> Value {
    json!({
        "id": entry.id,
        "created_at": entry.created_at,
        "operator": entry.note.operator,
        "command": entry.note.command,
        "account_id": entry.note.account_id,
        "details": entry.note.details,
        "reason": entry.note.reason,
        "outcome": entry.outcome.name(),
        "message": entry.message,
        "begun_id": entry.begun_id,
    })
}

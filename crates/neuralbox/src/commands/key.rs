//! `neuralbox key`

use super::{
    Error,
    account::{find, operator_app},
    time::read_time,
    trail::noted,
};
use crate::{cli::KeyCommand, operator::Operator, output, settings::Settings};
use app::{AuditNote, CreateKey, KeyRecord};
use domain::id::KeyId;
use serde_json::{Value, json};
use std::process::ExitCode;

pub(crate) async fn run(
    settings: &Settings,
    operator: &Operator,
    command: KeyCommand,
) -> Result<ExitCode, Error> {
    let app = operator_app(settings).await?;
    match command {
        KeyCommand::Create { account, name, monthly_budget, expires_at, json } => {
            let expires_at = expires_at.map(|time| read_time("--expires-at", &time)).transpose()?;
            let request = CreateKey { name, monthly_budget, expires_at };
            let account_id = find(&app, &account).await?;
            let note = operator.note_on(account_id, "key create", None)?;
            let work = async { Ok(app.create_key(account_id, request).await?) };
            let key = noted(&app, note, work, |key, note| of_key(note, key.id)).await?;
            let data = json!({ "id": key.id, "api_key": key.api_key });
            output::print(json, &data, || format!("key {}  {}  (shown this once)", key.id, key.api_key));
        }
        KeyCommand::List { account, json } => {
            let keys = app.keys(find(&app, &account).await?).await?;
            let items: Vec<Value> = keys.iter().map(row).collect();
            let data = json!({ "total": items.len(), "items": items });
            output::print(json, &data, || keys.iter().map(line).collect::<Vec<_>>().join("\n"));
        }
        KeyCommand::Revoke { account, key } => {
            let account_id = find(&app, &account).await?;
            let note = of_key(operator.note_on(account_id, "key revoke", None)?, KeyId(key));
            let work = async { Ok(app.revoke_key(account_id, KeyId(key)).await?) };
            noted(&app, note, work, |(), note| note).await?;
            println!("key {key} is revoked; every node refuses it within 5 s");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn of_key(note: AuditNote, id: KeyId) -> AuditNote {
    AuditNote { details: Some(format!("key {id}")), ..note }
}

fn row(key: &KeyRecord) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
        "monthly_budget": key.monthly_budget_tokens,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
    })
}

fn line(key: &KeyRecord) -> String {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "valid".to_owned(),
    };
    let budget = key.monthly_budget_tokens.map(|tokens| format!("  {tokens} tokens a month"));
    let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {at}"));
    format!(
        "{:>8}  {}…  {}  made {}  {used}  {state}{}",
        key.id,
        key.prefix,
        key.name,
        key.created_at,
        budget.unwrap_or_default()
    )
}

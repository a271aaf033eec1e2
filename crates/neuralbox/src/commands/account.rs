//! `neuralbox account`

use super::Error;
use crate::{
    cli::{AccountCommand, AccountRef},
    logging, output,
    settings::Settings,
    wiring,
};
use app::{App, CreateAccount};
use domain::id::AccountId;
use serde_json::json;
use std::process::ExitCode;

pub(crate) async fn run(settings: &Settings, command: AccountCommand) -> Result<ExitCode, Error> {
    let app = match &command {
        // The first account of an installation may come before its first process.
        AccountCommand::Create { .. } => new_app(settings).await?,
        AccountCommand::Grant { .. } => operator_app(settings).await?,
    };
    match command {
        AccountCommand::Create { email, plan, tokens, json } => {
            let created = app.create_account(CreateAccount { email, plan, tokens }).await?;
            let data = json!({ "account_id": created.account_id, "api_key": created.key.api_key });
            output::print(json, &data, || {
                format!("account {}\nkey     {}  (shown this once)", created.account_id, created.key.api_key)
            });
        }
        AccountCommand::Grant { account, tokens, json } => {
            let account_id = find(&app, &account).await?;
            let balance = app.grant(account_id, tokens).await?;
            let data = json!({ "account_id": account_id, "token_balance": balance });
            output::print(json, &data, || format!("account {account_id} can spend {balance} tokens"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The use-cases as an operator has them, on a database that is in use.
pub(crate) async fn operator_app(settings: &Settings) -> Result<App, Error> {
    logging::start(&settings.log)?;
    let storage = wiring::connect(settings, wiring::clock()).await?;
    wiring::require_schema(settings, &storage).await?;
    wiring::app(settings, storage, false, None, wiring::clock())
}

/// As [`operator_app`], setting an empty database up.
async fn new_app(settings: &Settings) -> Result<App, Error> {
    logging::start(&settings.log)?;
    let storage = wiring::connect(settings, wiring::clock()).await?;
    wiring::ensure_schema(settings, &storage).await?;
    wiring::app(settings, storage, false, None, wiring::clock())
}

/// The account that the command line names.
pub(crate) async fn find(app: &App, account: &AccountRef) -> Result<AccountId, Error> {
    match (account.account, &account.email) {
        (Some(id), _) => Ok(AccountId(id)),
        (None, Some(email)) => Ok(app.account_by_email(email).await?.id),
        (None, None) => Err(Error::Other("name the account by --account or --email".to_owned())),
    }
}

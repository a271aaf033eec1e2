//! `neuralbox account`

mod show;

use super::{Error, trail::noted};
use crate::{
    cli::{AccountCommand, AccountName, AccountRef},
    logging,
    operator::Operator,
    output,
    settings::Settings,
    wiring,
};
use app::{App, AuditNote, CreateAccount};
use domain::id::AccountId;
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Read, stdin},
    process::ExitCode,
};

/// Bytes of a line that are read: more than any password may have.
const MAX_LINE_BYTES: u64 = 4_096;

pub(crate) async fn run(
    settings: &Settings,
    operator: &Operator,
    command: AccountCommand,
) -> Result<ExitCode, Error> {
    match command {
        AccountCommand::Create { email, plan, tokens, json } => {
            // The first account of an installation may come before its first process.
            let app = new_app(settings).await?;
            create(&app, operator, CreateAccount { email, plan, tokens }, json).await?;
        }
        AccountCommand::Find { name, json } => {
            let app = operator_app(settings).await?;
            let found = app.account_overview(look_up(&app, &name).await?).await?;
            let data = show::overview(&found, app.clock().now());
            output::print(json, &data, || show::in_words(&data));
        }
        AccountCommand::Grant { account, tokens, reason, json } => {
            let note = operator.note("account grant", reason.as_deref())?;
            let app = operator_app(settings).await?;
            let account_id = find(&app, &account).await?;
            let balance = app.grant_noted(account_id, tokens, of_tokens(note, account_id, tokens)).await?;
            tell_balance(account_id, balance, json);
        }
        AccountCommand::Take { account, tokens, reason, json } => {
            let note = operator.note("account take", Some(&reason))?;
            let app = operator_app(settings).await?;
            let account_id = find(&app, &account).await?;
            let balance = app.take_noted(account_id, tokens, of_tokens(note, account_id, tokens)).await?;
            tell_balance(account_id, balance, json);
        }
        AccountCommand::Suspend { account, reason, json } => {
            let note = operator.note("account suspend", Some(&reason))?;
            let (app, account_id) = open(settings, &account).await?;
            let work = async { Ok(app.suspend_account(account_id).await?) };
            noted(&app, of(note, account_id), work, |(), note| note).await?;
            tell(account_id, "suspended", "is suspended; every process knows within 5 s", json);
        }
        AccountCommand::Resume { account, reason, json } => {
            let note = operator.note("account resume", reason.as_deref())?;
            let (app, account_id) = open(settings, &account).await?;
            let work = async { Ok(app.resume_account(account_id).await?) };
            noted(&app, of(note, account_id), work, |(), note| note).await?;
            tell(account_id, "active", "is active again; every process knows within 5 s", json);
        }
        AccountCommand::Password { account, reason, json } => {
            let note = operator.note("account password", reason.as_deref())?;
            let (app, account_id) = open(settings, &account).await?;
            let password = read_password()?;
            let work = async { Ok(app.set_password(account_id, &password).await?) };
            noted(&app, of(note, account_id), work, |(), note| note).await?;
            tell(account_id, "password_set", "has a new password, and is signed out everywhere", json);
        }
        AccountCommand::EndSessions { account, reason, json } => {
            let note = operator.note("account end-sessions", reason.as_deref())?;
            let (app, account_id) = open(settings, &account).await?;
            // Who does not exist has no sign-ins either; a mistyped id should not look like a success.
            app.account_overview(account_id).await?;
            let work = async { Ok(app.end_sessions(account_id).await?) };
            noted(&app, of(note, account_id), work, |(), note| note).await?;
            tell(account_id, "signed_out", "is signed out everywhere; every process knows within 5 s", json);
        }
        AccountCommand::Erase { account, reason, yes, json } => {
            let note = operator.note("account erase", reason.as_deref())?;
            let (app, account_id) = open(settings, &account).await?;
            erase(settings, &app, of(note, account_id), yes).await?;
            let words = "is erased; what cannot be done at once the worker does";
            tell(account_id, "erased", words, json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(app: &App, operator: &Operator, request: CreateAccount, json: bool) -> Result<(), Error> {
    let note = operator.note("account create", None)?;
    let details = Some(format!("plan {}, {} tokens", request.plan, request.tokens));
    let work = Box::pin(async { Ok(app.create_account(request).await?) });
    let note = AuditNote { details, ..note };
    let created = noted(app, note, work, |created, note| of(note, created.account_id)).await?;
    let data = json!({ "account_id": created.account_id, "api_key": created.key.api_key });
    output::print(json, &data, || {
        format!("account {}\nkey     {}  (shown this once)", created.account_id, created.key.api_key)
    });
    Ok(())
}

async fn erase(settings: &Settings, app: &App, note: AuditNote, yes: bool) -> Result<(), Error> {
    // Its renewals are stopped where they are made.
    let storage = wiring::connect(settings, wiring::clock()).await?;
    wiring::refuse_real_vendors_for_sandbox(settings, &storage).await?;
    let account_id = note.account_id.ok_or(app::Error::NotFound("account"))?;
    let account = app.account_overview(account_id).await?.account;
    if !yes {
        let email = account.email.unwrap_or_else(|| "no e-mail address".to_owned());
        return Err(Error::Other(format!(
            "account {account_id} ({email}) would be erased for good: say --yes to do it"
        )));
    }
    let work = async { Ok(app.erase_account(account_id).await?) };
    noted(app, note, work, |(), note| note).await
}

/// The first line of standard input: on a command line, others of the machine could read it.
fn read_password() -> Result<String, Error> {
    let mut line = String::new();
    BufReader::new(stdin().take(MAX_LINE_BYTES)).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn of(note: AuditNote, account_id: AccountId) -> AuditNote {
    AuditNote { account_id: Some(account_id), ..note }
}

fn of_tokens(note: AuditNote, account_id: AccountId, tokens: i64) -> AuditNote {
    AuditNote { details: Some(format!("{tokens} tokens")), ..of(note, account_id) }
}

fn tell_balance(account_id: AccountId, balance: i64, json: bool) {
    let data = json!({ "account_id": account_id, "token_balance": balance });
    output::print(json, &data, || format!("account {account_id} can spend {balance} tokens"));
}

fn tell(account_id: AccountId, state: &str, words: &str, json: bool) {
    let data = json!({ "account_id": account_id, "state": state });
    output::print(json, &data, || format!("account {account_id} {words}"));
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

async fn open(settings: &Settings, account: &AccountRef) -> Result<(App, AccountId), Error> {
    let app = operator_app(settings).await?;
    let account_id = find(&app, account).await?;
    Ok((app, account_id))
}

/// The account that the command line names.
pub(crate) async fn find(app: &App, account: &AccountRef) -> Result<AccountId, Error> {
    match (account.account, &account.email) {
        (Some(id), _) => Ok(AccountId(id)),
        (None, Some(email)) => Ok(app.account_by_email(email).await?.id),
        (None, None) => Err(Error::Other("name the account by --account or --email".to_owned())),
    }
}

async fn look_up(app: &App, name: &AccountName) -> Result<AccountId, Error> {
    match (name.id, &name.email, &name.key) {
        (Some(id), ..) => Ok(AccountId(id)),
        (None, Some(email), _) => Ok(app.account_by_email(email).await?.id),
        (None, None, Some(key)) => Ok(app.account_by_key(key).await?),
        (None, None, None) => Err(Error::Other("name the account by --id, --email or --key".to_owned())),
    }
}

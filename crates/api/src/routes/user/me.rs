//! `/user/me`

use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject, add_wrong},
    openapi::{Id, Operation, Time},
};
use app::{App, Profile, ProfileChange};
use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use domain::{id::AccountId, params::FieldError, time::Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

const FIELDS: [&str; 2] = ["name", "avatar_url"];

/// An account as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
struct MeBody {
    #[schema(value_type = Id)]
    id: AccountId,
    name: String,
    email: Option<String>,
    telegram_username: Option<String>,
    avatar_url: Option<String>,
    plan: String,
    #[schema(value_type = Option<Time>)]
    plan_expires_at: Option<Timestamp>,
    /// NeuralBox tokens that are free to spend.
    token_balance: i64,
    /// NeuralBox tokens that the plan gives each cycle, or gave once.
    token_limit: i64,
    /// NeuralBox tokens that were spent since the cycle began.
    tokens_used_this_period: i64,
    /// Generations an hour; 0 is unlimited.
    rate_limit_hourly: i64,
    /// Generations a day; 0 is unlimited.
    rate_limit_daily: i64,
    auth_methods: AuthMethods,
}

/// By what its owner can sign in.
#[derive(Serialize, ToSchema)]
struct AuthMethods {
    telegram: bool,
    email: bool,
}

impl From<Profile> for MeBody {
    fn from(profile: Profile) -> Self {
        let Profile { account, balance, .. } = profile;
        Self {
            auth_methods: AuthMethods {
                telegram: account.telegram_id.is_some(),
                email: account.has_password,
            },
            id: account.id,
            name: account.name,
            email: account.email,
            telegram_username: account.telegram_username,
            avatar_url: account.avatar_url,
            plan: balance.plan,
            plan_expires_at: balance.plan_expires_at,
            token_balance: balance.token_balance,
            token_limit: profile.token_limit,
            tokens_used_this_period: profile.tokens_used,
            rate_limit_hourly: profile.rate_limit_hourly,
            rate_limit_daily: profile.rate_limit_daily,
        }
    }
}

pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<impl IntoResponse, ApiError> {
    Ok(Json(MeBody::from(app.profile(&caller).await?)))
}

pub(crate) async fn change(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonObject(body): JsonObject,
) -> Result<impl IntoResponse, ApiError> {
    let change = read(&body)?;
    Ok(Json(MeBody::from(app.change_profile(&caller, change).await?)))
}

pub(crate) async fn erase(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<impl IntoResponse, ApiError> {
    app.erase_account_by(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads what is to change; what its values may be is for the use-case to say.
fn read(body: &Map<String, Value>) -> Result<ProfileChange, ApiError> {
    let mut errors = Vec::new();
    let mut change = ProfileChange::default();
    for (name, value) in body {
        match (name.as_str(), value) {
            ("name", Value::String(name)) => change.name = Some(name.clone()),
            ("name", _) => errors.push(FieldError::new(name, "must be a string")),
            ("avatar_url", Value::String(url)) => change.avatar_url = Some(Some(url.clone())),
            ("avatar_url", Value::Null) => change.avatar_url = Some(None),
            ("avatar_url", _) => errors.push(FieldError::new(name, "must be a string or null")),
            _ => errors.push(FieldError::new(name, "is no field of this request").allowing(FIELDS)),
        }
    }
    if errors.is_empty() {
        return Ok(change);
    }
    add_wrong(&mut errors, App::wrong_profile_change(&change));
    Err(ApiError::validation(errors))
}

fn answering(operation: Operation) -> Operation {
    let example = json!({
        "id": 41, "name": "Ann", "email": "ann@example.org", "telegram_username": null, "avatar_url": null,
        "plan": "vip", "plan_expires_at": "2026-12-22T00:00:00Z", "token_balance": 1_283, "token_limit": 1_500,
        "tokens_used_this_period": 217, "rate_limit_hourly": 100, "rate_limit_daily": 1_000,
        "auth_methods": { "telegram": false, "email": true },
    });
    operation.answers::<MeBody>(200, "The account.", example)
}

pub(crate) fn show_operation() -> Operation {
    answering(Operation::new("Show the account"))
}

pub(crate) fn change_operation() -> Operation {
    let body = json!({ "type": "object", "additionalProperties": false, "properties": {
        "name": { "type": "string", "minLength": 1, "maxLength": 100 },
        "avatar_url": { "type": ["string", "null"], "maxLength": 2_048 },
    }});
    answering(Operation::new("Change the account"))
        .json_body(body, json!({ "name": "Ann B." }))
        .refuses(&["limited_key"])
}

pub(crate) fn erase_operation() -> Operation {
    Operation::new("Erase the account")
        .about("Name, addresses, keys, requests, answers and files go, and the subscription ends. It cannot be taken back.")
        .answers_nothing(204, "It is erased.")
        .refuses(&["limited_key"])
}

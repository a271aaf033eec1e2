//! `/keys`

use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject, PathName, add_wrong},
    openapi::{Id, Operation, Time},
    wire::{List, NO_STORE},
};
use app::{App, CreateKey, CreatedKey, KeyRecord};
use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use domain::{id::KeyId, params::FieldError, time::Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

const FIELDS: [&str; 3] = ["name", "monthly_budget", "expires_at"];

/// A key as its owner sees it again and again.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
struct KeyBody {
    #[schema(value_type = Id)]
    id: KeyId,
    name: String,
    prefix: String,
    /// NeuralBox tokens.
    monthly_budget: Option<i64>,
    #[schema(value_type = Option<Time>)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    #[schema(value_type = Option<Time>)]
    last_used_at: Option<Timestamp>,
}

/// A key as its owner sees it once.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedKey)]
struct CreatedBody {
    #[schema(value_type = Id)]
    id: KeyId,
    name: String,
    /// The key itself, 48 characters; it is shown here and never again.
    key: String,
    #[schema(value_type = Time)]
    created_at: Timestamp,
}

impl From<KeyRecord> for KeyBody {
    fn from(record: KeyRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            prefix: record.prefix,
            monthly_budget: record.monthly_budget_tokens,
            expires_at: record.expires_at,
            created_at: record.created_at,
            last_used_at: record.last_used_at,
        }
    }
}

impl From<CreatedKey> for CreatedBody {
    fn from(created: CreatedKey) -> Self {
        let CreatedKey { id, name, api_key, created_at } = created;
        Self { id, name, key: api_key, created_at }
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<impl IntoResponse, ApiError> {
    let keys = app.valid_keys(caller.account_id).await?;
    Ok(Json(List::whole(keys.into_iter().map(KeyBody::from).collect())))
}

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonObject(body): JsonObject,
) -> Result<impl IntoResponse, ApiError> {
    let created = app.create_key_by(&caller, read(&app, &body)?).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(CreatedBody::from(created))))
}

pub(crate) async fn revoke(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathName(id): PathName,
) -> Result<impl IntoResponse, ApiError> {
    let id = id.parse().map(KeyId).map_err(|_| ApiError::not_found("key"))?;
    app.revoke_key_by(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads what a key is to be; what its values may be is for the use-case to say.
fn read(app: &App, body: &Map<String, Value>) -> Result<CreateKey, ApiError> {
    let mut errors = Vec::new();
    for name in body.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
        errors.push(FieldError::new(name, "is no field of this request").allowing(FIELDS));
    }
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    let mut request = CreateKey::default();
    match given("name") {
        Some(Value::String(name)) => request.name.clone_from(name),
        _ => errors.push(FieldError::new("name", "must be a string")),
    }
    if let Some(value) = given("monthly_budget") {
        request.monthly_budget = value.as_i64();
        if request.monthly_budget.is_none() {
            errors.push(FieldError::new("monthly_budget", "must be a whole number"));
        }
    }
    if let Some(value) = given("expires_at") {
        request.expires_at = value.as_str().and_then(Timestamp::parse);
        if request.expires_at.is_none() {
            errors.push(FieldError::new("expires_at", "must be a time such as 2026-12-01T12:00:00Z"));
        }
    }
    if errors.is_empty() {
        return Ok(request);
    }
    add_wrong(&mut errors, app.wrong_key(&request));
    Err(ApiError::validation(errors))
}

pub(crate) fn list_operation() -> Operation {
    let example = json!({
        "id": 77, "name": "server", "prefix": "nb_3fK9", "monthly_budget": 500, "expires_at": null,
        "created_at": "2026-11-22T12:00:00Z", "last_used_at": null,
    });
    Operation::new("List the keys").answers_list::<KeyBody>("Those that are valid.", example)
}

pub(crate) fn create_operation() -> Operation {
    let body = json!({ "type": "object", "required": ["name"], "additionalProperties": false, "properties": {
        "name": { "type": "string" },
        "monthly_budget": { "type": ["integer", "null"], "minimum": 1, "description": "NeuralBox tokens it may spend in a calendar month of UTC." },
        "expires_at": { "type": ["string", "null"], "format": "date-time" },
    }});
    let example = json!({ "id": 77, "name": "server", "key": "nb_…", "created_at": "2026-11-22T12:00:00Z" });
    Operation::new("Make a key")
        .json_body(body, json!({ "name": "server", "monthly_budget": 500 }))
        .answers::<CreatedBody>(201, "The key, which is shown this once.", example)
        .refuses(&["limited_key"])
}

pub(crate) fn revoke_operation() -> Operation {
    Operation::new("Revoke a key").answers_nothing(204, "It is valid no more.").refuses(&["limited_key"])
}

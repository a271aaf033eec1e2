//! `/webhooks`

pub(crate) mod deliveries;

use crate::{
    error::ApiError,
    extract::{Authenticated, JsonObject, NoBody, PathName},
    openapi::{Id, Operation, Time},
    wire::{List, NO_STORE},
};
use app::{App, CreateEndpoint, CreatedEndpoint, EndpointRecord};
use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use domain::{id::EndpointId, params::FieldError, time::Timestamp, webhook::EventType};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

const ENABLED: &str = "enabled";
const DISABLED: &str = "disabled";

/// An endpoint as its owner sees it again and again.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
struct WebhookBody {
    #[schema(value_type = Id)]
    id: EndpointId,
    url: String,
    events: Vec<&'static str>,
    /// `enabled` or `disabled`.
    status: &'static str,
    #[schema(value_type = Option<Time>)]
    disabled_at: Option<Timestamp>,
    /// Since when nothing has got through.
    #[schema(value_type = Option<Time>)]
    failing_since: Option<Timestamp>,
    /// How the last attempt failed, until one succeeds.
    last_error: Option<String>,
    #[schema(value_type = Time)]
    created_at: Timestamp,
}

/// An endpoint with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedWebhook)]
struct CreatedBody {
    #[serde(flatten)]
    webhook: WebhookBody,
    /// What its messages are signed with; it is shown here alone.
    secret: String,
}

/// The account's own secret.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
struct SecretBody {
    secret: String,
}

impl From<EndpointRecord> for WebhookBody {
    fn from(record: EndpointRecord) -> Self {
        Self {
            id: record.id,
            url: record.url,
            events: record.events.into_iter().map(EventType::name).collect(),
            status: if record.disabled_at.is_some() { DISABLED } else { ENABLED },
            disabled_at: record.disabled_at,
            failing_since: record.failing_since,
            last_error: record.last_error,
            created_at: record.created_at,
        }
    }
}

impl From<CreatedEndpoint> for CreatedBody {
    fn from(created: CreatedEndpoint) -> Self {
        Self { webhook: created.endpoint.into(), secret: created.secret }
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<impl IntoResponse, ApiError> {
    let endpoints = app.endpoints(&caller).await?;
    Ok(Json(List::whole(endpoints.into_iter().map(WebhookBody::from).collect())))
}

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonObject(body): JsonObject,
) -> Result<impl IntoResponse, ApiError> {
    let created = app.create_endpoint(&caller, read(&body)?).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(CreatedBody::from(created))))
}

pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathName(id): PathName,
) -> Result<impl IntoResponse, ApiError> {
    Ok(Json(WebhookBody::from(app.endpoint(&caller, read_id(&id)?).await?)))
}

pub(crate) async fn change(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathName(id): PathName,
    JsonObject(body): JsonObject,
) -> Result<impl IntoResponse, ApiError> {
    let is_enabled = read_change(&body)?;
    Ok(Json(WebhookBody::from(app.enable_endpoint(&caller, read_id(&id)?, is_enabled).await?)))
}

pub(crate) async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathName(id): PathName,
) -> Result<impl IntoResponse, ApiError> {
    app.delete_endpoint(&caller, read_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn rotate(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathName(id): PathName,
    _: NoBody,
) -> Result<impl IntoResponse, ApiError> {
    let rotated = app.rotate_endpoint(&caller, read_id(&id)?).await?;
    Ok((NO_STORE, Json(CreatedBody::from(rotated))))
}

pub(crate) async fn secret(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<impl IntoResponse, ApiError> {
    Ok((NO_STORE, Json(SecretBody { secret: app.own_webhook_secret(&caller)? })))
}

/// What is no number is no endpoint's id.
fn read_id(id: &str) -> Result<EndpointId, ApiError> {
    id.parse().map(EndpointId).map_err(|_| ApiError::not_found("webhook"))
}

/// Reads what an endpoint is to be; what its values may be is for the use-case to say.
fn read(body: &Map<String, Value>) -> Result<CreateEndpoint, ApiError> {
    let mut errors = unknown_fields(body, &["url", "events"]);
    let url = match body.get("url") {
        Some(Value::String(url)) => url.clone(),
        _ => {
            errors.push(FieldError::new("url", "must be a URL"));
            String::new()
        }
    };
    let names = |value: &Value| {
        let names = value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned));
        names.collect::<Option<Vec<String>>>()
    };
    let events = body.get("events").filter(|value| !value.is_null()).map(|value| {
        names(value).unwrap_or_else(|| {
            errors.push(FieldError::new("events", "must be a list of names"));
            Vec::new()
        })
    });
    if errors.is_empty() { Ok(CreateEndpoint { url, events }) } else { Err(ApiError::validation(errors)) }
}

/// Whether the endpoint is to be enabled.
fn read_change(body: &Map<String, Value>) -> Result<bool, ApiError> {
    let mut errors = unknown_fields(body, &["status"]);
    let is_enabled = match body.get("status").and_then(Value::as_str) {
        Some(ENABLED) => true,
        Some(DISABLED) => false,
        _ => {
            let error = FieldError::new("status", "is not one of the allowed values");
            errors.push(error.allowing([ENABLED, DISABLED]));
            false
        }
    };
    if errors.is_empty() { Ok(is_enabled) } else { Err(ApiError::validation(errors)) }
}

fn unknown_fields(body: &Map<String, Value>, known: &[&str]) -> Vec<FieldError> {
    let unknown = body.keys().filter(|name| !known.contains(&name.as_str()));
    let error = |name| FieldError::new(name, "is no field of this request").allowing(known.iter().copied());
    unknown.map(error).collect()
}

fn example() -> Value {
    json!({
        "id": 91, "url": "https://example.org/hook", "events": ["generation.completed", "generation.failed"],
        "status": ENABLED, "disabled_at": null, "failing_since": null, "last_error": null,
        "created_at": "2026-11-22T12:00:00Z",
    })
}

fn created_example() -> Value {
    let mut example = example();
    example["secret"] = json!("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=");
    example
}

pub(crate) fn list_operation() -> Operation {
    Operation::new("List the webhooks").answers_list::<WebhookBody>("All of them.", example())
}

pub(crate) fn create_operation() -> Operation {
    let body = json!({ "type": "object", "required": ["url"], "additionalProperties": false, "properties": {
        "url": { "type": "string", "format": "uri", "maxLength": 2048 },
        "events": { "type": ["array", "null"], "minItems": 1, "items": {
            "type": "string", "enum": EventType::ALL.map(EventType::name),
        }},
    }});
    Operation::new("Add a webhook")
        .about(
            "Events are posted there, signed by Standard Webhooks: `{\"type\", \"timestamp\", \"data\"}`. Without `events`, \
             all of them.",
        )
        .json_body(body, json!({ "url": "https://example.org/hook", "events": ["generation.completed"] }))
        .answers::<CreatedBody>(201, "The webhook, with its secret.", created_example())
        .refuses(&["limited_key"])
}

pub(crate) fn show_operation() -> Operation {
    Operation::new("Show a webhook").answers::<WebhookBody>(200, "The webhook.", example())
}

pub(crate) fn change_operation() -> Operation {
    let body = json!({ "type": "object", "required": ["status"], "additionalProperties": false, "properties": {
        "status": { "type": "string", "enum": [ENABLED, DISABLED] },
    }});
    Operation::new("Enable or disable a webhook")
        .json_body(body, json!({ "status": ENABLED }))
        .answers::<WebhookBody>(200, "The webhook as it now is.", example())
        .refuses(&["limited_key"])
}

pub(crate) fn delete_operation() -> Operation {
    Operation::new("Remove a webhook")
        .answers_nothing(204, "Nothing is sent there any more.")
        .refuses(&["limited_key"])
}

pub(crate) fn rotate_operation() -> Operation {
    Operation::new("Give a webhook a new secret")
        .no_body()
        .about("For 24 hours messages are signed by the one before, too.")
        .answers::<CreatedBody>(200, "The webhook, with its new secret.", created_example())
        .refuses(&["limited_key"])
}

pub(crate) fn secret_operation() -> Operation {
    let example = json!({ "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=" });
    Operation::new("Show the account's own webhook secret")
        .about("It signs what goes to the `webhook_url` of a generation.")
        .answers::<SecretBody>(200, "The secret.", example)
        .refuses(&["limited_key"])
}

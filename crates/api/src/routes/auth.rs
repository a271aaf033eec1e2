//! `/auth/…`: signing in on the web.

mod cookie;

use crate::{
    error::ApiError,
    extract::{JsonObject, NoBody, add_wrong, bearer},
    openapi::{Id, Operation},
};
use app::{App, Error, SignedIn};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{id::AccountId, params::FieldError};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Somebody who has signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
struct SignedInBody {
    /// To be sent as `Authorization: Bearer …`.
    access_token: String,
    /// `bearer`
    token_type: &'static str,
    /// Seconds for which the access token is good.
    expires_in: i64,
    user: UserBody,
}

/// Who that is.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedInUser)]
struct UserBody {
    #[schema(value_type = Id)]
    id: AccountId,
    name: String,
    plan: String,
    /// NeuralBox tokens that are free to spend.
    token_balance: i64,
}

pub(crate) async fn register(
    State(app): State<App>,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let ([email, password, name], mut wrong) = read_texts(&body, ["email", "password", "name"]);
    if !wrong.is_empty() {
        add_wrong(&mut wrong, App::wrong_registration(email, password, name));
        return Err(ApiError::validation(wrong));
    }
    let signed_in = app.register(email, password, name).await?;
    Ok(answer(&app, StatusCode::CREATED, signed_in))
}

pub(crate) async fn log_in(
    State(app): State<App>,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let [email, password] = texts(&body, ["email", "password"])?;
    let signed_in = app.log_in(email, password).await?;
    Ok(answer(&app, StatusCode::OK, signed_in))
}

/// The fields are Telegram's affair: whatever it signed belongs to them.
pub(crate) async fn telegram(
    State(app): State<App>,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let signed_in = app.log_in_by_telegram(&body).await?;
    let status = if signed_in.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(&app, status, signed_in))
}

pub(crate) async fn refresh(State(app): State<App>, headers: HeaderMap, _: NoBody) -> Response {
    match app.refresh(cookie::read(&headers).unwrap_or_default()).await {
        Ok(signed_in) => answer(&app, StatusCode::OK, signed_in),
        // What is good for nothing need not be sent again.
        Err(error @ Error::NotSignedIn(_)) => without_cookie(&app, ApiError::from(error)),
        Err(error) => ApiError::from(error).into_response(),
    }
}

pub(crate) async fn log_out(
    State(app): State<App>,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, ApiError> {
    app.log_out(cookie::read(&headers), bearer(&headers)).await?;
    Ok(without_cookie(&app, StatusCode::NO_CONTENT))
}

fn answer(app: &App, status: StatusCode, signed_in: SignedIn) -> Response {
    let left_ms = signed_in.session_expires_at.ms_since(app.clock().now());
    let cookie = cookie::write(&signed_in.refresh_token, left_ms / 1_000, app.is_https());
    let body = SignedInBody {
        access_token: signed_in.access_token,
        token_type: "bearer",
        expires_in: signed_in.expires_in_s,
        user: UserBody {
            id: signed_in.account.id,
            name: signed_in.account.name,
            plan: signed_in.plan,
            token_balance: signed_in.token_balance,
        },
    };
    with_cookie(cookie, (status, Json(body)))
}

fn without_cookie(app: &App, answer: impl IntoResponse) -> Response {
    with_cookie(cookie::write("", 0, app.is_https()), answer)
}

fn with_cookie(cookie: String, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A body of strings, all of them needed.
fn texts<'a, const N: usize>(
    body: &'a Map<String, Value>,
    names: [&str; N],
) -> Result<[&'a str; N], ApiError> {
    let (texts, wrong) = read_texts(body, names);
    if wrong.is_empty() { Ok(texts) } else { Err(ApiError::validation(wrong)) }
}

/// The strings of a body, empty where they are missing, and what is wrong with it.
fn read_texts<'a, const N: usize>(
    body: &'a Map<String, Value>,
    names: [&str; N],
) -> ([&'a str; N], Vec<FieldError>) {
    let unknown = body.keys().filter(|name| !names.contains(&name.as_str()));
    let mut errors: Vec<_> =
        unknown.map(|name| FieldError::new(name, "is no field of this request").allowing(names)).collect();
    let texts = names.map(|name| body.get(name).and_then(Value::as_str));
    let missing = names.iter().zip(texts).filter(|(_, text)| text.is_none());
    errors.extend(missing.map(|(name, _)| FieldError::new(*name, "must be a string")));
    (texts.map(Option::unwrap_or_default), errors)
}

const COOKIE: &str = "The refresh token comes as the cookie `neuralbox_refresh`, for these routes alone.";

fn signing_in(summary: &'static str, status: u16) -> Operation {
    signed_in(Operation::new(summary), status)
}

fn signed_in(operation: Operation, status: u16) -> Operation {
    let example = json!({
        "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…", "token_type": "bearer", "expires_in": 900,
        "user": { "id": 41, "name": "Ann", "plan": "free", "token_balance": 50 },
    });
    operation.answers::<SignedInBody>(status, COOKIE, example)
}

fn strings(names: &[&str]) -> Value {
    let properties: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    json!({ "type": "object", "required": names, "additionalProperties": false, "properties": properties })
}

pub(crate) fn register_operation() -> Operation {
    let example = json!({ "email": "ann@example.org", "password": "correct horse", "name": "Ann" });
    signing_in("Open an account", 201)
        .about("The account is on the free plan, with the tokens that it gives once.")
        .json_body(strings(&["email", "password", "name"]), example)
}

pub(crate) fn log_in_operation() -> Operation {
    let example = json!({ "email": "ann@example.org", "password": "correct horse" });
    signing_in("Sign in", 200)
        .json_body(strings(&["email", "password"]), example)
        .refuses(&["not_authenticated"])
}

pub(crate) fn telegram_operation() -> Operation {
    let schema = json!({ "type": "object", "required": ["id", "auth_date", "hash"], "properties": {
        "id": { "type": "integer" }, "first_name": { "type": "string" }, "last_name": { "type": "string" },
        "username": { "type": "string" }, "photo_url": { "type": "string" },
        "auth_date": { "type": "integer" }, "hash": { "type": "string" },
    }});
    let example = json!({
        "id": 42, "first_name": "Ann", "username": "ann", "auth_date": 1_795_305_600,
        "hash": "a0747dc5e7c6607fb80d06891e2b456933cc8885f3f48e30b45332428f7d9d5e",
    });
    signed_in(signing_in("Sign in by Telegram", 200), 201)
        .about("Takes what Telegram's login widget gives, all of it and as it is; good for a day. Opens an account for who has none.")
        .json_body(schema, example)
        .refuses(&["not_authenticated", "not_found"])
}

pub(crate) fn refresh_operation() -> Operation {
    signing_in("Refresh a sign-in", 200)
        .about(
            "A refresh token is good once. One that comes a second time ends the whole sign-in. Of several requests at once one \
             gets the next token; the others are refused, and the sign-in goes on.",
        )
        .no_body()
        .refuses(&["not_authenticated"])
}

pub(crate) fn log_out_operation() -> Operation {
    Operation::new("Sign out").no_body().answers_nothing(204, "The sign-in is over.")
}

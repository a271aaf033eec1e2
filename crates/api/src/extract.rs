//! What handlers take from a request.

use crate::{
    HttpLimits,
    error::ApiError,
    json::{self, Unread},
};
use app::{App, Caller};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::IntoResponse,
};
use domain::params::FieldError;
use serde_json::{Map, Value};

/// The holder of a valid key, on whatever plan, or somebody who has signed in.
pub(crate) struct AnyPlan(pub(crate) Caller);

/// The holder of a valid key, on a plan where keys work, or somebody who has signed in.
pub(crate) struct Authenticated(pub(crate) Caller);

impl FromRequestParts<App> for AnyPlan {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let key = bearer(&parts.headers).ok_or(app::Error::NotAuthenticated)?;
        Ok(Self(app.authenticate(key).await?))
    }
}

impl FromRequestParts<App> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let AnyPlan(caller) = AnyPlan::from_request_parts(parts, app).await?;
        app.require_api_access(&caller)?;
        Ok(Self(caller))
    }
}

/// The token of `Authorization: Bearer …`; the scheme's name is read without regard to case (RFC 9110, 11.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A body of whatever kind, as large and as slow as the limits allow.
pub(crate) struct WholeBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for WholeBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let limits = request.extensions().get::<HttpLimits>().copied().unwrap_or_default();
        let reading = tokio::time::timeout(limits.body_timeout(), Bytes::from_request(request, state));
        let read = reading.await.map_err(|_| ApiError::bad_request("the body did not come in time"))?;
        let bytes = read.map_err(|rejection| match rejection.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::payload_too_large("this route"),
            _ => ApiError::bad_request("the body could not be read"),
        })?;
        Ok(Self(bytes))
    }
}

/// A JSON object as the whole body, without U+0000 in any of its strings.
pub(crate) struct JsonObject(pub(crate) Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
            return Err(ApiError::bad_request("the content type must be application/json"));
        }
        let WholeBody(bytes) = WholeBody::from_request(request, state).await?;
        let value = json::read(&bytes).map_err(|unread| match unread {
            Unread::TooManyValues => {
                ApiError::bad_request("the body has more values than a request may have")
            }
            Unread::NotJson(error) => ApiError::bad_request(format!("the body is not JSON: {error}")),
        })?;
        let Value::Object(object) = value else {
            return Err(ApiError::bad_request("the body must be a JSON object"));
        };
        match find_nul(&object, "") {
            Some(path) => Err(ApiError::field(FieldError::new(path, "must not hold the character U+0000"))),
            None => Ok(Self(object)),
        }
    }
}

/// Adds what is found wrong later with fields of which nothing was said yet.
pub(crate) fn add_wrong(wrong: &mut Vec<FieldError>, later: Vec<FieldError>) {
    for error in later {
        if wrong.iter().all(|known| known.field != error.field) {
            wrong.push(error);
        }
    }
}

/// Where a string, or a name, holds U+0000, which databases cannot keep.
fn find_nul(object: &Map<String, Value>, path: &str) -> Option<String> {
    object.iter().find_map(|(name, value)| {
        let path = if path.is_empty() { name.replace('\0', "?") } else { format!("{path}.{name}") };
        if name.contains('\0') { Some(path) } else { find_nul_in(value, &path) }
    })
}

fn find_nul_in(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| find_nul_in(item, &format!("{path}[{index}]")))
        }
        Value::Object(object) => find_nul(object, path),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// No body, or an object with nothing in it.
pub(crate) struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let WholeBody(bytes) = WholeBody::from_request(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self);
        }
        let Ok(Value::Object(object)) = json::read(&bytes) else {
            return Err(ApiError::bad_request("there must be no body"));
        };
        let unknown = object.keys().map(|name| FieldError::new(name, "is no field of this request"));
        let unknown: Vec<FieldError> = unknown.collect();
        if unknown.is_empty() { Ok(Self) } else { Err(ApiError::validation(unknown)) }
    }
}

/// The one parameter of the path. What is no UTF-8 names nothing that there is.
pub(crate) struct PathName(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        name.map(|Path(name)| Self(name)).map_err(|_| ApiError::not_found("resource"))
    }
}

/// The parameters of a path that has several.
pub(crate) struct PathNames<const N: usize>(pub(crate) [String; N]);

impl<const N: usize, S: Send + Sync> FromRequestParts<S> for PathNames<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let names = Path::<Vec<String>>::from_request_parts(parts, state).await;
        let names = names.ok().and_then(|Path(names)| names.try_into().ok());
        names.map(Self).ok_or_else(|| ApiError::not_found("resource"))
    }
}

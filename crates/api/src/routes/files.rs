//! `POST /files`, `GET /files/{name}`

mod condition;
mod range;

use crate::{
    HttpLimits,
    error::ApiError,
    extract::{Authenticated, PathName},
    form::{self, Parts},
    openapi::{Operation, Time},
};
use app::{App, Expected};
use axum::{
    Extension, Json,
    body::Body,
    extract::{Multipart, State, multipart::MultipartRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::time::Timestamp;
use range::Part;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

const PARTS: Parts = Parts { file: "file", expected: Expected::Input, texts: &[] };

/// An input file that was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = Upload)]
pub(crate) struct UploadBody {
    /// What any `…_url` of a generation takes.
    url: String,
    #[schema(value_type = Option<Time>)]
    expires_at: Option<Timestamp>,
}

pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Extension(limits): Extension<HttpLimits>,
    headers: HeaderMap,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<(StatusCode, Json<UploadBody>), ApiError> {
    let multipart = multipart.map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
    let (file, _) = form::read(&app, limits, &headers, multipart, PARTS, |_| Ok(())).await?;
    let upload = app.upload(&caller, &file.path).await?;
    Ok((StatusCode::CREATED, Json(UploadBody { url: upload.url, expires_at: upload.expires_at })))
}

pub(crate) async fn show(
    State(app): State<App>,
    PathName(name): PathName,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let tag = condition::tag(&name);
    let asked = headers.get(header::RANGE).filter(|_| condition::may_be_in_part(&headers, &tag));
    let asked = asked.and_then(|value| value.to_str().ok());
    let mut part = Part::Whole;
    let mut size = 0;
    let choose = |bytes: u64| {
        size = bytes;
        part = range::read(asked, bytes);
        part.range()
    };
    if condition::is_known(&headers, &tag) {
        app.find_file(&name).await?;
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        say_unchanging(response.headers_mut(), &tag);
        return Ok(response);
    }
    let file = app.open_file(&name, choose).await?;
    let mut response = match &part {
        Part::Whole => Body::from_stream(file.body).into_response(),
        Part::Some(range) => {
            let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            let headers = [(header::CONTENT_RANGE, content_range)];
            (StatusCode::PARTIAL_CONTENT, headers, Body::from_stream(file.body)).into_response()
        }
        Part::None => {
            let headers = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return Ok((headers, ApiError::range_not_satisfiable(size)).into_response());
        }
    };
    let length = part.range().map_or(size, |range| range.end - range.start);
    let headers = response.headers_mut();
    say_unchanging(headers, &tag);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(content_type) = HeaderValue::from_str(&file.record.content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    Ok(response)
}

/// A file is never another under its name, and is for whoever was told that.
fn say_unchanging(headers: &mut HeaderMap, tag: &str) {
    let cache = HeaderValue::from_static("private, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, cache);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
}

pub(crate) fn create_operation() -> Operation {
    let part = json!({ "type": "string", "format": "binary", "description": "A picture or a recording, 25 MB at most." });
    let example = json!({ "url": "https://api.example.org/api/v2/files/9b1c….png", "expires_at": "2026-11-23T12:00:00Z" });
    Operation::new("Bring an input file")
        .form(json!({ "type": "object", "required": ["file"], "properties": { "file": part } }))
        .answers::<UploadBody>(201, "Where it lies, for a day.", example)
}

pub(crate) fn show_operation() -> Operation {
    Operation::new("Fetch a file")
        .about("Results and inputs. Its name is all that it takes to read a file, and nobody can guess it. A file never changes.")
        .header("Range", "A part of it, in bytes.", json!({ "type": "string" }))
        .header("If-None-Match", "The `ETag` that is known.", json!({ "type": "string" }))
        .answers_media(200, "The file, with its own content type.", "*/*", None)
        .answers_media(206, "The part of it.", "*/*", None)
        .answers_nothing(304, "It is known.")
        .refuses(&["range_not_satisfiable"])
}

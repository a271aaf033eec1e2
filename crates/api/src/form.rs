//! `multipart/form-data` with one file in it, which goes to disk as it comes.

use crate::error::ApiError;
use app::{Expected, MAX_INPUT_BYTES, Spool, Spooled};
use axum::{
    extract::{
        DefaultBodyLimit, Multipart,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, header},
};
use domain::params::FieldError;
use std::{collections::BTreeMap, time::Duration};

/// Bytes of a part that is no file.
const MAX_TEXT_BYTES: usize = 1_000;
/// Bytes of a form around its file.
const AROUND_BYTES: u64 = 64 * 1024;
/// Bytes of a whole form.
const MAX_FORM_BYTES: u64 = MAX_INPUT_BYTES + AROUND_BYTES;
/// How long a client may be silent before its form is complete.
const SILENCE: Duration = Duration::from_secs(30);
/// How long the rest of a form is read that is refused already.
const LINGER: Duration = Duration::from_secs(5);

/// The parts that a form may have.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    /// The one that is a file.
    pub(crate) file: &'static str,
    /// What the file is to be.
    pub(crate) expected: Expected,
    /// The others.
    pub(crate) texts: &'static [&'static str],
}

/// Those of a form that are no file, by their names.
pub(crate) type Texts = BTreeMap<String, String>;

/// The limit on a body that brings a file.
pub(crate) fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(usize::try_from(MAX_FORM_BYTES).unwrap_or(usize::MAX))
}

/// Reads a form, its parts in whatever order they come. `admit` may refuse it by what came before the file, which is then
/// not read.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut multipart: Multipart,
    parts: Parts,
    admit: impl Fn(&Texts) -> Result<(), ApiError>,
) -> Result<(Spooled, Texts), ApiError> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > MAX_FORM_BYTES) {
        return Err(app::Error::UploadTooLarge.into());
    }
    let read = read_parts(&mut multipart, parts, admit).await;
    if read.is_err() {
        tokio::spawn(let_go(multipart));
    }
    read
}

/// Reads on for a moment: a client that is still sending would find its connection closed in place of its answer.
async fn let_go(mut multipart: Multipart) {
    let rest = async { while let Ok(Some(_)) = multipart.next_field().await {} };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

async fn read_parts(
    multipart: &mut Multipart,
    parts: Parts,
    admit: impl Fn(&Texts) -> Result<(), ApiError>,
) -> Result<(Spooled, Texts), ApiError> {
    let mut file = None;
    let mut texts = Texts::new();
    while let Some(field) = in_time(multipart.next_field()).await? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == parts.file && file.is_none() {
            admit(&texts)?;
            file = Some(spool(field, parts).await?);
        } else if parts.texts.contains(&name.as_str()) && !texts.contains_key(&name) {
            let text = read_text(field, &name).await?;
            texts.insert(name, text);
        } else {
            let allowed = std::iter::once(parts.file).chain(parts.texts.iter().copied());
            let error = FieldError::new(name, "is not known here, or stands twice").allowing(allowed);
            return Err(ApiError::field(error));
        }
    }
    match file {
        Some(file) => Ok((file, texts)),
        None => Err(ApiError::field(FieldError::new(parts.file, "a file is needed"))),
    }
}

async fn read_text(mut field: Field<'_>, name: &str) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = in_time(field.chunk()).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_TEXT_BYTES {
            let message = format!("must be at most {MAX_TEXT_BYTES} bytes");
            return Err(ApiError::field(FieldError::new(name, message)));
        }
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    text.ok_or_else(|| ApiError::field(FieldError::new(name, "must be UTF-8 without U+0000")))
}

async fn spool(mut field: Field<'_>, parts: Parts) -> Result<Spooled, ApiError> {
    let mut spool = Spool::begin(parts.file, parts.expected).await?;
    while let Some(chunk) = in_time(field.chunk()).await? {
        spool.write(&chunk).await?;
    }
    Ok(spool.finish().await?)
}

async fn in_time<T>(reading: impl Future<Output = Result<T, MultipartError>>) -> Result<T, ApiError> {
    let read = tokio::time::timeout(SILENCE, reading).await;
    let read = read.map_err(|_| ApiError::bad_request("the form did not come in time"))?;
    read.map_err(|error| unreadable(&error))
}

fn unreadable(error: &MultipartError) -> ApiError {
    match error.status() {
        axum::http::StatusCode::PAYLOAD_TOO_LARGE => app::Error::UploadTooLarge.into(),
        _ => ApiError::bad_request(format!("the form could not be read: {error}")),
    }
}

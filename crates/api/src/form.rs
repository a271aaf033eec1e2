//! `multipart/form-data` with one file in it, which goes to disk as it comes.

use crate::error::ApiError;
use app::{MAX_INPUT_BYTES, Spooled};
use axum::extract::{
    Multipart,
    multipart::{Field, MultipartError},
};
use domain::params::FieldError;
use std::{collections::BTreeMap, time::Duration};
use tokio::{fs::File, io::AsyncWriteExt};

/// Bytes of a part that is no file.
const MAX_TEXT_BYTES: usize = 1_000;
/// How long a client may be silent before its form is complete.
const SILENCE: Duration = Duration::from_secs(30);

/// A form, its parts in whatever order they came.
pub(crate) struct Form {
    /// The file.
    pub(crate) file: Spooled,
    /// The other parts.
    pub(crate) texts: BTreeMap<String, String>,
}

/// Reads a form whose file is in part `file_part` and whose other parts are among `text_parts`.
pub(crate) async fn read(
    mut multipart: Multipart,
    file_part: &str,
    text_parts: &[&str],
) -> Result<Form, ApiError> {
    let mut file = None;
    let mut texts = BTreeMap::new();
    while let Some(field) = in_time(multipart.next_field()).await? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == file_part && file.is_none() {
            file = Some(spool(field).await?);
        } else if text_parts.contains(&name.as_str()) && !texts.contains_key(&name) {
            let text = read_text(field, &name).await?;
            texts.insert(name, text);
        } else {
            let allowed = std::iter::once(file_part).chain(text_parts.iter().copied());
            let error = FieldError::new(name, "is not known here, or stands twice").allowing(allowed);
            return Err(ApiError::field(error));
        }
    }
    match file {
        Some(file) => Ok(Form { file, texts }),
        None => Err(ApiError::field(FieldError::new(file_part, "a file is needed"))),
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

async fn spool(mut field: Field<'_>) -> Result<Spooled, ApiError> {
    let folder = tempfile::tempdir().map_err(|error| disk(&error))?;
    let path = folder.path().join("upload");
    let mut file = File::create(&path).await.map_err(|error| disk(&error))?;
    let mut left = MAX_INPUT_BYTES;
    while let Some(chunk) = in_time(field.chunk()).await? {
        let len = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        left = left.checked_sub(len).ok_or_else(|| ApiError::payload_too_large("25 MB"))?;
        file.write_all(&chunk).await.map_err(|error| disk(&error))?;
    }
    file.flush().await.map_err(|error| disk(&error))?;
    Ok(Spooled { folder, path })
}

async fn in_time<T>(reading: impl Future<Output = Result<T, MultipartError>>) -> Result<T, ApiError> {
    let read = tokio::time::timeout(SILENCE, reading).await;
    let read = read.map_err(|_| ApiError::bad_request("the form did not come in time"))?;
    read.map_err(|error| unreadable(&error))
}

fn unreadable(error: &MultipartError) -> ApiError {
    match error.status() {
        axum::http::StatusCode::PAYLOAD_TOO_LARGE => ApiError::payload_too_large("25 MB"),
        _ => ApiError::bad_request(format!("the form could not be read: {error}")),
    }
}

fn disk(error: &std::io::Error) -> ApiError {
    tracing::error!(%error, "this machine's disk");
    app::Error::Overloaded.into()
}

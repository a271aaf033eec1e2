//! `multipart/form-data` with one file in it, which goes to disk as it comes.

use crate::{
    HttpLimits,
    error::{ApiError, MAX_FIELDS},
};
use app::{App, Expected, MAX_INPUT_BYTES, Spooled};
use axum::{
    extract::{
        DefaultBodyLimit, Multipart,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, header},
};
use domain::params::FieldError;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// Bytes of a part that is no file.
const MAX_TEXT_BYTES: usize = 2_048;
/// Bytes of a form around its file.
const AROUND_BYTES: u64 = 64 * 1024;
/// Bytes of a whole form.
const MAX_FORM_BYTES: u64 = MAX_INPUT_BYTES + AROUND_BYTES;
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

/// A form that was read.
pub(crate) struct Form {
    /// Its file; `None` when something is wrong with that.
    pub(crate) file: Option<Spooled>,
    pub(crate) texts: Texts,
    /// Every wrong part.
    pub(crate) wrong: Vec<FieldError>,
}

/// Reads a form of which nothing is wrong, its parts in whatever order they come. `admit` may refuse it by what came before
/// the file, which is then not read.
pub(crate) async fn read(
    app: &App,
    limits: HttpLimits,
    headers: &HeaderMap,
    multipart: Multipart,
    parts: Parts,
    admit: impl Fn(&Texts) -> Result<(), ApiError>,
) -> Result<(Spooled, Texts), ApiError> {
    let form = read_all(app, limits, headers, multipart, parts, admit).await?;
    match form.file {
        Some(file) if form.wrong.is_empty() => Ok((file, form.texts)),
        _ => Err(ApiError::validation(form.wrong)),
    }
}

/// As [`read`], for who has more to say about a form than what is wrong with its parts.
pub(crate) async fn read_all(
    app: &App,
    limits: HttpLimits,
    headers: &HeaderMap,
    mut multipart: Multipart,
    parts: Parts,
    admit: impl Fn(&Texts) -> Result<(), ApiError>,
) -> Result<Form, ApiError> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > MAX_FORM_BYTES) {
        tokio::spawn(let_go(multipart));
        return Err(app::Error::UploadTooLarge.into());
    }
    let mut form = Form { file: None, texts: Texts::new(), wrong: Vec::new() };
    let reader = Reader { app, parts, silence: limits.body_timeout() };
    let reading = form.read_parts(&reader, &mut multipart, admit);
    let read = tokio::time::timeout(limits.upload_timeout(), reading).await;
    let read = read.unwrap_or_else(|_| Err(too_slow()));
    if read.is_err() || !form.wrong.is_empty() {
        tokio::spawn(let_go(multipart));
    }
    read.map(|()| form)
}

/// Reads on for a moment: a client that is still sending would find its connection closed in place of its answer.
async fn let_go(mut multipart: Multipart) {
    let rest = async { while let Ok(Some(_)) = multipart.next_field().await {} };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

/// How a form is read.
struct Reader<'a> {
    app: &'a App,
    parts: Parts,
    /// How long a client may be silent before its form is complete.
    silence: Duration,
}

/// Why a part is not taken.
enum PartError {
    /// It is wrong; there may be more to say of the others.
    Wrong(Vec<FieldError>),
    /// The whole form is refused.
    Refused(ApiError),
}

impl From<app::Error> for PartError {
    fn from(error: app::Error) -> Self {
        match error {
            app::Error::Validation(fields) => Self::Wrong(fields),
            other => Self::Refused(other.into()),
        }
    }
}

impl From<ApiError> for PartError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<FieldError> for PartError {
    fn from(error: FieldError) -> Self {
        Self::Wrong(vec![error])
    }
}

impl Form {
    /// Reads all parts. Once one is wrong, the rest is read only to say what else is, and not for long.
    async fn read_parts(
        &mut self,
        reader: &Reader<'_>,
        multipart: &mut Multipart,
        admit: impl Fn(&Texts) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let mut has_file = false;
        let mut read_until = None;
        loop {
            let reading = self.read_part(reader, multipart, &mut has_file, &admit);
            let read = match read_until {
                None => reading.await,
                Some(deadline) => match tokio::time::timeout_at(deadline, reading).await {
                    Ok(read) if !matches!(read, Err(PartError::Refused(_))) => read,
                    _ => return Ok(()),
                },
            };
            match read {
                Ok(true) => continue,
                Ok(false) => break,
                Err(PartError::Wrong(fields)) => self.wrong.extend(fields),
                Err(PartError::Refused(error)) => return Err(error),
            }
            if self.wrong.len() >= MAX_FIELDS {
                return Ok(());
            }
            read_until.get_or_insert_with(|| Instant::now() + LINGER);
        }
        if !has_file {
            self.wrong.push(FieldError::new(reader.parts.file, "a file is needed"));
        }
        Ok(())
    }

    /// Reads the next part; `false` when there is none.
    async fn read_part(
        &mut self,
        reader: &Reader<'_>,
        multipart: &mut Multipart,
        has_file: &mut bool,
        admit: impl Fn(&Texts) -> Result<(), ApiError>,
    ) -> Result<bool, PartError> {
        let parts = reader.parts;
        let Some(field) = reader.in_time(multipart.next_field()).await? else { return Ok(false) };
        let name = field.name().unwrap_or_default().to_owned();
        if name == parts.file && !*has_file {
            admit(&self.texts)?;
            *has_file = true;
            self.file = Some(reader.spool(field).await?);
        } else if parts.texts.contains(&name.as_str()) && !self.texts.contains_key(&name) {
            let text = reader.read_text(field, &name).await?;
            self.texts.insert(name, text);
        } else {
            let allowed = std::iter::once(parts.file).chain(parts.texts.iter().copied());
            return Err(FieldError::new(name, "is not known here, or stands twice").allowing(allowed).into());
        }
        Ok(true)
    }
}

impl Reader<'_> {
    async fn read_text(&self, mut field: Field<'_>, name: &str) -> Result<String, PartError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.in_time(field.chunk()).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_TEXT_BYTES {
                let message = format!("must be at most {MAX_TEXT_BYTES} bytes");
                return Err(FieldError::new(name, message).into());
            }
        }
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        text.ok_or_else(|| FieldError::new(name, "must be UTF-8 without U+0000").into())
    }

    async fn spool(&self, mut field: Field<'_>) -> Result<Spooled, PartError> {
        let mut spool = self.app.spool(self.parts.file, self.parts.expected).await?;
        while let Some(chunk) = self.in_time(field.chunk()).await? {
            spool.write(&chunk).await?;
        }
        Ok(spool.finish().await?)
    }

    async fn in_time<T>(
        &self,
        reading: impl Future<Output = Result<T, MultipartError>>,
    ) -> Result<T, ApiError> {
        let read = tokio::time::timeout(self.silence, reading).await;
        read.map_err(|_| too_slow())?.map_err(|error| unreadable(&error))
    }
}

fn too_slow() -> ApiError {
    ApiError::bad_request("the form did not come in time")
}

fn unreadable(error: &MultipartError) -> ApiError {
    match error.status() {
        axum::http::StatusCode::PAYLOAD_TOO_LARGE => app::Error::UploadTooLarge.into(),
        _ => ApiError::bad_request(format!("the form could not be read: {error}")),
    }
}

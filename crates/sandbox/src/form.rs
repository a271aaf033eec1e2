//! What a request carries: JSON, or a form of many parts.

use crate::{
    fields,
    trouble::{Invalid, Trouble, Why},
};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Map, Value};
use std::convert::Infallible;

/// A body, before an endpoint says what it expects.
pub(crate) enum Content {
    /// `multipart/form-data`.
    Form(Form),
    /// Anything else.
    Other(Bytes),
}

impl Content {
    /// Reads a body by its content type.
    pub(crate) async fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, Trouble> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match content_type.map(multer::parse_boundary) {
            Some(Ok(boundary)) => Ok(Self::Form(Form::read(boundary, body).await?)),
            Some(Err(multer::Error::NoBoundary)) => Err(broken_form(&multer::Error::NoBoundary)),
            Some(Err(_)) | None => Ok(Self::Other(body)),
        }
    }

    /// The JSON that it must be.
    pub(crate) fn json(self) -> Result<Value, Trouble> {
        match self {
            Self::Other(bytes) => fields::parse(&bytes),
            Self::Form(_) => Err(Trouble::NotJson("the body is a form".to_owned())),
        }
    }

    /// The form that it must be.
    pub(crate) fn form(self) -> Result<Form, Trouble> {
        match self {
            Self::Form(form) => Ok(form),
            Self::Other(_) => Err(Invalid::new("", Why::WrongType("multipart/form-data")).into()),
        }
    }
}

/// A form that was read whole.
pub(crate) struct Form(Vec<Part>);

/// A part of a form.
pub(crate) struct Part {
    /// The name of the field.
    pub(crate) name: String,
    /// The name of the file; only files have one.
    pub(crate) file_name: Option<String>,
    /// The type of the file, where it is said.
    pub(crate) content_type: Option<String>,
    /// What it holds.
    pub(crate) bytes: Bytes,
}

impl Form {
    async fn read(boundary: String, body: Bytes) -> Result<Self, Trouble> {
        let body = stream::once(async { Ok::<_, Infallible>(body) });
        let mut form = multer::Multipart::new(body, boundary);
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.map_err(|error| broken_form(&error))? {
            parts.push(Part {
                name: field.name().unwrap_or_default().to_owned(),
                file_name: field.file_name().map(str::to_owned),
                content_type: field.content_type().map(ToString::to_string),
                bytes: field.bytes().await.map_err(|error| broken_form(&error))?,
            });
        }
        Ok(Self(parts))
    }

    /// The files of a field, which may be written `name` or `name[]`.
    pub(crate) fn files<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Part> {
        let is_it = move |part: &&Part| part.name.strip_suffix("[]").unwrap_or(&part.name) == name;
        self.0.iter().filter(is_it).filter(|part| part.file_name.is_some())
    }

    /// The one file of a field, with something in it.
    pub(crate) fn require_file(&self, name: &str) -> Result<&Part, Invalid> {
        let file = self.files(name).next().ok_or_else(|| Invalid::new(name, Why::Missing))?;
        if file.bytes.is_empty() { Err(Invalid::new(name, Why::Empty)) } else { Ok(file) }
    }

    /// All fields that are not files, as an object. A form knows only text; the fields in `numbers` are read as JSON
    /// has them, numbers and booleans alike.
    pub(crate) fn values(&self, numbers: &[&str]) -> Value {
        let values = self.0.iter().filter(|part| part.file_name.is_none()).map(|part| {
            let text = String::from_utf8_lossy(&part.bytes).into_owned();
            let number =
                if numbers.contains(&part.name.as_str()) { serde_json::from_str(&text).ok() } else { None };
            (part.name.clone(), number.unwrap_or(Value::String(text)))
        });
        Value::Object(values.collect::<Map<_, _>>())
    }
}

impl Part {
    /// The ending of the file's name, in small letters; empty when there is none.
    pub(crate) fn extension(&self) -> String {
        let name = self.file_name.as_deref().unwrap_or_default();
        name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
    }
}

fn broken_form(error: &multer::Error) -> Trouble {
    Invalid::new("", Why::Other(format!("Could not parse multipart form: {error}"))).into()
}

//! Bodies with files in them. A file is opened when it is sent, so that a repeat reads it again.

use crate::adapter::{BASE64_MARK, Body, DATA_URL_MARK, Field};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    media::InputFile,
    port::{ProviderError, ProviderErrorKind},
};
use reqwest::{
    RequestBuilder,
    multipart::{Form, Part},
};
use serde_json::Value;
use std::{collections::BTreeMap, io};
use tokio::fs::File;

/// Puts `body` into a request.
pub(super) async fn attach(builder: RequestBuilder, body: &Body) -> Result<RequestBuilder, ProviderError> {
    match body {
        Body::Bytes(bytes) if bytes.is_empty() => Ok(builder),
        Body::Bytes(bytes) => Ok(builder.body(bytes.clone())),
        Body::Multipart(fields) => Ok(builder.multipart(form(fields).await?)),
        Body::JsonWithFiles { value, files } => {
            let mut encoded = BTreeMap::new();
            for (name, file) in files {
                let bytes = tokio::fs::read(&file.path).await.map_err(|error| local(&error))?;
                encoded.insert(name.as_str(), (file.content_type.as_str(), STANDARD.encode(bytes)));
            }
            let mut value = value.clone();
            replace_marks(&mut value, &encoded)?;
            Ok(builder.body(value.to_string()))
        }
    }
}

async fn form(fields: &[Field]) -> Result<Form, ProviderError> {
    let mut form = Form::new();
    for field in fields {
        form = match field {
            Field::Text { name, value } => form.text(name.clone(), value.clone()),
            Field::File { name, file } => form.part(name.clone(), part(file).await?),
        };
    }
    Ok(form)
}

async fn part(file: &InputFile) -> Result<Part, ProviderError> {
    let opened = File::open(&file.path).await.map_err(|error| local(&error))?;
    let part = Part::stream_with_length(opened, file.bytes).file_name(file.file_name.clone());
    part.mime_str(&file.content_type)
        .map_err(|error| ProviderError::new(ProviderErrorKind::RejectedRequest, error.to_string()))
}

/// Puts files in the places of the objects that stand for them.
fn replace_marks(value: &mut Value, files: &BTreeMap<&str, (&str, String)>) -> Result<(), ProviderError> {
    if let Some((mark, name)) = mark_of(value) {
        let (content_type, base64) = files.get(name.as_str()).ok_or_else(|| {
            ProviderError::new(ProviderErrorKind::RejectedRequest, format!("there is no file {name}"))
        })?;
        let text = match mark {
            DATA_URL_MARK => format!("data:{content_type};base64,{base64}"),
            _ => base64.clone(),
        };
        *value = Value::String(text);
        return Ok(());
    }
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| replace_marks(item, files)),
        Value::Object(object) => object.values_mut().try_for_each(|item| replace_marks(item, files)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn mark_of(value: &Value) -> Option<(&'static str, String)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    [DATA_URL_MARK, BASE64_MARK]
        .into_iter()
        .find_map(|mark| Some((mark, object.get(mark)?.as_str()?.to_owned())))
}

/// Trouble with this machine's own disk.
pub(super) fn local(error: &io::Error) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Local, format!("this machine's disk: {error}"))
}

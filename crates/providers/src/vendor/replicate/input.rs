//! A call as the input of a model.

use super::models::{Model, Say, Shape};
use crate::adapter::{file_as_data_url, rejected};
use domain::{
    media::{InputFile, MediaCall},
    params::ParamValue,
    port::ProviderError,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Bytes that a data URL may have: Replicate takes 256 KB.
const MAX_DATA_URL_BYTES: u64 = 256_000;

/// Addresses of uploaded files, by the parameters that name them.
pub(super) type Uploaded = BTreeMap<String, String>;

/// The input of a prediction, and the files that stand in it.
pub(super) struct Input {
    pub(super) fields: Map<String, Value>,
    pub(super) files: BTreeMap<String, InputFile>,
}

impl Input {
    /// Says all that `call` asks. Every parameter is said or refused: one left out would sell something else.
    pub(super) fn of(call: &MediaCall, model: &Model, uploaded: &Uploaded) -> Result<Self, ProviderError> {
        let mut input = Self { fields: Map::new(), files: BTreeMap::new() };
        input.put_all(model.fixed.iter().map(|(field, word)| (*field, json!(word))));
        for (name, word) in call.upstream.params.iter().filter(|(name, _)| *name != super::VERSION) {
            if !model.settings.contains(&name.as_str()) {
                return Err(rejected(format!("{} has no setting `{name}`", model.id)));
            }
            input.put(name, json!(word));
        }
        for (name, value) in call.params.iter().filter(|(name, _)| !call.inputs.contains_key(*name)) {
            input.say(say(model, name)?, name, value)?;
        }
        for (name, file) in &call.inputs {
            input.say_file(say(model, name)?, name, file, uploaded)?;
        }
        Ok(input)
    }

    fn put(&mut self, field: &str, value: Value) {
        self.fields.insert(field.to_owned(), value);
    }

    fn put_all<'a>(&mut self, fields: impl IntoIterator<Item = (&'a str, Value)>) {
        self.fields.extend(fields.into_iter().map(|(field, value)| (field.to_owned(), value)));
    }

    fn say(&mut self, say: &Say, name: &str, value: &ParamValue) -> Result<(), ProviderError> {
        match say {
            Say::Same(field) => self.put(field, plain(name, value)?),
            Say::Word(field, words) => self.put(field, json!(meaning(words, name, value)?)),
            Say::Size(shapes) => match meaning(shapes, name, value)? {
                Shape::Ratio(ratio) => self.put("aspect_ratio", json!(ratio)),
                Shape::Pixels(width, height) => self.put_all([
                    ("aspect_ratio", json!("custom")),
                    ("width", json!(width)),
                    ("height", json!(height)),
                ]),
            },
            Say::Converted => {}
            Say::File(_) | Say::FileInList(_) => {
                return Err(rejected(format!("the file of `{name}` is not at hand")));
            }
        }
        Ok(())
    }

    fn say_file(
        &mut self,
        say: &Say,
        name: &str,
        file: &InputFile,
        uploaded: &Uploaded,
    ) -> Result<(), ProviderError> {
        let value = match uploaded.get(name) {
            Some(url) => json!(url),
            None => {
                self.files.insert(name.to_owned(), file.clone());
                file_as_data_url(name)
            }
        };
        match say {
            Say::File(field) => self.put(field, value),
            Say::FileInList(field) => self.put(field, json!([value])),
            Say::Same(_) | Say::Word(..) | Say::Size(_) | Say::Converted => {
                return Err(rejected(format!("`{name}` is not a file")));
            }
        }
        Ok(())
    }
}

/// The first file that is too large to stand in the request, and has not been uploaded.
pub(super) fn to_upload<'a>(call: &'a MediaCall, uploaded: &Uploaded) -> Option<(&'a String, &'a InputFile)> {
    call.inputs.iter().find(|(name, file)| {
        data_url_bytes(file) > MAX_DATA_URL_BYTES && !uploaded.contains_key(name.as_str())
    })
}

/// The size of `file` as a data URL: base64 makes four bytes of three.
fn data_url_bytes(file: &InputFile) -> u64 {
    let head = "data:;base64,".len() + file.content_type.len();
    let head = u64::try_from(head).unwrap_or(u64::MAX);
    file.bytes.div_ceil(3).saturating_mul(4).saturating_add(head)
}

fn say<'a>(model: &'a Model, name: &str) -> Result<&'a Say, ProviderError> {
    let row = model.params.iter().find(|(param, _)| *param == name);
    let (_, say) = row.ok_or_else(|| rejected(format!("{} has no way to say `{name}`", model.id)))?;
    Ok(say)
}

fn plain(name: &str, value: &ParamValue) -> Result<Value, ProviderError> {
    match value {
        ParamValue::Text(text) => Ok(json!(text)),
        ParamValue::Integer(number) => Ok(json!(number)),
        ParamValue::Decimal(number) => Ok(number.to_json()),
        ParamValue::Boolean(truth) => Ok(json!(truth)),
        ParamValue::Messages(_) => Err(rejected(format!("`{name}` is a conversation"))),
    }
}

/// What a word of the catalog's means to the model.
fn meaning<'a, T>(table: &'a [(&str, T)], name: &str, value: &ParamValue) -> Result<&'a T, ProviderError> {
    let ParamValue::Text(word) = value else {
        return Err(rejected(format!("`{name}` is not a word")));
    };
    let row = table.iter().find(|(known, _)| known == word);
    let (_, meaning) = row.ok_or_else(|| rejected(format!("the model has no {name} `{word}`")))?;
    Ok(meaning)
}

//! From the command line to a call.

use super::Attempt;
use crate::commands::Error;
use domain::{
    catalog::{Category, Purpose},
    id::GenerationId,
    media::MediaCall,
    params::Params,
    port::{Call, Input, Provider},
};
use serde_json::{Map, Value};

/// What the vendor is asked.
pub(super) enum Work {
    /// A conversation.
    Chat(Box<Call>),
    /// Anything else.
    Media(Box<MediaCall>),
}

/// There is no generation; vendors that repeat this number to us repeat it to nobody.
const NO_GENERATION: GenerationId = GenerationId(0);

/// Stands for the address of a file that was given by its path. Nothing is ever found there.
pub(super) fn placeholder(file_name: &str) -> String {
    format!("https://file.invalid/{file_name}")
}

impl Attempt<'_> {
    pub(super) async fn work(&self, params: &Params) -> Result<Work, Error> {
        let (model, settings) = (self.model, &self.settings.generation);
        let timeout_ms = model.timeout_ms.unwrap_or(settings.answer_timeout_ms.of(model.category));
        if model.category == Category::Text {
            let input = Input::Text(model.text_input(params));
            let (vendor, upstream) = (model.vendor.clone(), model.upstream.clone());
            let generation_id = NO_GENERATION;
            let call = Call { generation_id, vendor, upstream, input, stream: false, timeout_ms };
            return Ok(Work::Chat(Box::new(call)));
        }
        let mut call = MediaCall::new(model, NO_GENERATION, params.clone(), timeout_ms);
        call.scratch = self.scratch().to_owned();
        call.inputs = self.inputs(&call).await?;
        self.client.check(&call).map_err(app::Error::Validation)?;
        Ok(Work::Media(Box::new(call)))
    }

    /// The parameters, read as a client's are.
    pub(super) fn params(&self) -> Result<Params, Error> {
        let mut given = Map::new();
        if let Some(prompt) = &self.arguments.prompt {
            let has = |name: &str| self.model.params.contains_key(name);
            let name = if has("text") && !has("prompt") { "text" } else { "prompt" };
            given.insert(name.to_owned(), Value::String(prompt.clone()));
        }
        for (name, value) in &self.arguments.params {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.clone()));
            given.insert(name.clone(), value);
        }
        for (name, _) in &self.arguments.files {
            if self.model.params.contains_key(name) {
                given.insert(name.clone(), Value::String(placeholder(name)));
            }
        }
        let params = self.model.read_params(&given, Purpose::Generate);
        Ok(params.map_err(app::Error::Validation)?)
    }
}

//! Pictures, speech and transcripts of OpenAI: each is one exchange.

mod image;

use super::{OpenAi, error_kind};
use crate::{
    adapter::{AnswerForm, Exchange, Field, InputForm, MediaAdapter, Reply, Request, Step, settings},
    wire::{
        error::{STATUS_WITHIN_ANSWER, VendorError, bad_response},
        job,
        media::{
            answered_file, at_once, needed_file, no_jobs, not_made, only, text_product, words, wrong_language,
        },
        usage::count,
    },
};
use domain::{
    catalog::Category,
    media::{JobState, MediaCall, Product},
    params::FieldError,
    port::{ProviderError, Usage},
};
use serde_json::{Map, Value, json};

impl MediaAdapter for OpenAi {
    fn makes(&self, category: Category) -> bool {
        matches!(category, Category::Image | Category::Tts | Category::Stt)
    }

    fn input_form(&self, _: &MediaCall, _: &str) -> InputForm {
        InputForm::Bytes
    }

    fn check(&self, call: &MediaCall) -> Vec<FieldError> {
        wrong_language(call, 2..=2).into_iter().chain(image::wrong_start(call)).collect()
    }

    fn start(&self, call: &MediaCall) -> Result<Exchange, ProviderError> {
        let [] = settings(&call.upstream, [])?;
        match call.category {
            Category::Image => Ok(at_once(image::request(call)?, AnswerForm::Memory)),
            Category::Tts => Ok(at_once(speech(call)?, AnswerForm::File)),
            Category::Stt => Ok(at_once(transcription(call)?, AnswerForm::Memory)),
            other => Err(not_made(other)),
        }
    }

    fn next(&self, call: &MediaCall, _: &JobState, reply: &Reply) -> Result<Step, ProviderError> {
        if let Category::Tts = call.category
            && let Some(product) = answered_file(reply)?
        {
            return Ok(Step::Done(product));
        }
        let answer: Value = job::read(reply)?;
        if answer["error"].is_object() {
            let error = VendorError::from_object(answer["error"].clone());
            let kind = error_kind(STATUS_WITHIN_ANSWER, &error);
            return Err(error.into_error(kind, STATUS_WITHIN_ANSWER));
        }
        match call.category {
            Category::Image => image::product(&answer),
            Category::Stt => transcript(&answer),
            _ => Err(bad_response("JSON came in place of sound")),
        }
        .map(|product| Step::Done(Product { usage: usage(&answer["usage"]), ..product }))
    }

    fn poll(&self, _: &MediaCall, _: &JobState) -> Result<Exchange, ProviderError> {
        Err(no_jobs())
    }

    fn cancel(&self, _: &MediaCall, _: &JobState) -> Result<Option<Request>, ProviderError> {
        Ok(None)
    }
}

fn speech(call: &MediaCall) -> Result<Request, ProviderError> {
    only(call, &["text", "voice_id", "speed", "format"])?;
    let mut body = Map::new();
    body.insert("model".into(), json!(call.upstream.model));
    body.insert("input".into(), json!(words(call, "text")?));
    body.insert("voice".into(), json!(words(call, "voice_id")?));
    body.extend(call.params.text("format").map(|format| {
        // The vendor's Opus comes in an Ogg container.
        let format = if format == "ogg" { "opus" } else { format };
        ("response_format".into(), json!(format))
    }));
    body.extend(call.params.decimal("speed").map(|speed| ("speed".into(), speed.to_json())));
    Ok(Request::post_json("/audio/speech", &Value::Object(body)))
}

fn transcription(call: &MediaCall) -> Result<Request, ProviderError> {
    only(call, &["language"])?;
    let field = |name: &str, value: &str| Field::Text { name: name.to_owned(), value: value.to_owned() };
    let mut fields = vec![field("model", &call.upstream.model), field("response_format", "json")];
    fields.extend(call.params.text("language").map(|language| field("language", language)));
    let file = needed_file(call, "audio")?.clone();
    fields.push(Field::File { name: "file".to_owned(), file });
    Ok(Request::post_multipart("/audio/transcriptions", fields))
}

/// A recording without speech gives an empty text.
fn transcript(answer: &Value) -> Result<Product, ProviderError> {
    answer["text"].as_str().map(text_product).ok_or_else(|| bad_response("the answer has no text"))
}

/// Tokens, where the vendor counts them: DALL·E counts nothing, and Whisper seconds.
fn usage(usage: &Value) -> Option<Usage> {
    Some(Usage {
        input_tokens: count(usage, "/input_tokens")?,
        cached_input_tokens: 0,
        output_tokens: count(usage, "/output_tokens")?,
    })
}

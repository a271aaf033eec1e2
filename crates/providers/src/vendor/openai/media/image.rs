//! Pictures of OpenAI: DALL·E 3 and the GPT image models, which take different words for the same things.

use crate::{
    adapter::{Field, Request, rejected},
    wire::{
        error::bad_response,
        media::{self, file, only, words},
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    media::{MediaCall, Product, ProductFile},
    params::FieldError,
    port::ProviderError,
};
use serde_json::{Map, Value, json};

/// How the ids of the DALL·E models begin.
const DALL_E: &str = "dall-e";

pub(super) fn request(call: &MediaCall) -> Result<Request, ProviderError> {
    only(call, &["prompt", "image_url", "quality", "size", "style", "format"])?;
    let start = file(call, "image_url")?;
    let members = if call.upstream.model.starts_with(DALL_E) { dall_e(call)? } else { gpt_image(call)? };
    match start {
        None => {
            let body = members.into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
            Ok(Request::post_json("/images/generations", &Value::Object(Map::from_iter(body))))
        }
        Some(_) if call.upstream.model.starts_with(DALL_E) => {
            Err(rejected("DALL·E 3 does not change pictures"))
        }
        Some(file) => {
            let text = |(name, value): (&str, String)| Field::Text { name: name.to_owned(), value };
            let mut fields: Vec<_> = members.into_iter().map(text).collect();
            fields.push(Field::File { name: "image".to_owned(), file: file.clone() });
            Ok(Request::post_multipart("/images/edits", fields))
        }
    }
}

/// What is wrong with the picture to begin with.
pub(super) fn wrong_start(call: &MediaCall) -> Option<FieldError> {
    media::wrong_kind(call, "image_url", &["image/png", "image/jpeg", "image/webp"])
}

type Members = Vec<(&'static str, String)>;

/// The file is PNG whatever the client's format, and converted by us.
fn dall_e(call: &MediaCall) -> Result<Members, ProviderError> {
    let mut members = vec![
        ("model", call.upstream.model.clone()),
        ("prompt", words(call, "prompt")?.to_owned()),
        // In base64 the largest pictures come close to what an answer may have.
        ("response_format", "url".to_owned()),
    ];
    let given = |name: &'static str| call.params.text(name).map(|value| (name, value.to_owned()));
    members.extend(["quality", "size", "style"].into_iter().filter_map(given));
    Ok(members)
}

/// A product made for DALL·E 3 can be served by a GPT image model, as the vendor advises since it retired the former:
/// then its words are translated, and sizes become the nearest that there are.
fn gpt_image(call: &MediaCall) -> Result<Members, ProviderError> {
    let mut prompt = words(call, "prompt")?.to_owned();
    if let Some(style) = call.params.text("style") {
        // A parameter of DALL·E's alone.
        prompt = format!("{prompt}\n\nStyle: {style}.");
    }
    let mut members = vec![("model", call.upstream.model.clone()), ("prompt", prompt)];
    members.extend(call.params.text("quality").map(|quality| {
        let quality = match quality {
            "standard" => "medium",
            "hd" => "high",
            other => other,
        };
        ("quality", quality.to_owned())
    }));
    members.extend(call.params.text("size").map(|size| {
        let size = match size {
            "1024x1792" => "1024x1536",
            "1792x1024" => "1536x1024",
            other => other,
        };
        ("size", size.to_owned())
    }));
    members.extend(call.params.text("format").map(|format| ("output_format", format.to_owned())));
    Ok(members)
}

/// DALL·E answers with an address, GPT image models always with base64.
pub(super) fn product(answer: &Value) -> Result<Product, ProviderError> {
    let picture = &answer["data"][0];
    let file = match (picture["b64_json"].as_str(), picture["url"].as_str()) {
        (Some(base64), _) => {
            let bytes = STANDARD.decode(base64).ok().filter(|bytes| !bytes.is_empty());
            ProductFile::Bytes(bytes.ok_or_else(|| bad_response("the picture is no base64"))?)
        }
        (None, Some(url)) => ProductFile::Url(url.to_owned()),
        (None, None) => return Err(bad_response("the answer has no picture")),
    };
    Ok(media::product(file))
}

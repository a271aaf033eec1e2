//! Submitting a task, and what the proxy says to it.

use super::{prompt, root};
use crate::{
    adapter::{Reply, Request, file_as_data_url, rejected, settings},
    wire::{
        error::{bad_response, content_refused},
        job::{self, path_segment},
        media::{needed_file, only, words},
    },
};
use domain::{
    media::MediaCall,
    port::{ProviderError, ProviderErrorKind},
};
use serde_json::{Map, Value, json};

/// The file is converted by us, whatever form it comes in.
pub(super) fn imagine(call: &MediaCall) -> Result<Request, ProviderError> {
    let [_, flags] = settings(&call.upstream, ["mode", "flags"])?;
    only(call, &["prompt", "negative_prompt", "aspect_ratio", "seed", "format"])?;
    let mut text = prompt::plain(words(call, "prompt")?);
    let aspect_ratio = call.params.text("aspect_ratio").map(|ratio| format!(" --ar {ratio}"));
    let seed = call.params.integer("seed").map(|seed| format!(" --seed {seed}"));
    let flags = flags.map(|flags| format!(" {flags}"));
    // A list of words may go on to the end, so it stands there.
    let negative = call.params.text("negative_prompt").map(|words| format!(" --no {}", prompt::plain(words)));
    text.extend([aspect_ratio, seed, flags, negative].into_iter().flatten());
    let body = body(call, text);
    Ok(Request::post_json(format!("{}/submit/imagine", root(call)?), &Value::Object(body)))
}

pub(super) fn video(call: &MediaCall) -> Result<Request, ProviderError> {
    const START: &str = "image_url";
    let [_, video_type, batch_size, motion] =
        settings(&call.upstream, ["mode", "videoType", "batchSize", "motion"])?;
    only(call, &["prompt", START])?;
    let start = needed_file(call, START)?;
    let mut body = body(call, prompt::plain(words(call, "prompt")?));
    body.insert("image".into(), file_as_data_url(START));
    body.insert("motion".into(), json!(motion.unwrap_or("low")));
    body.extend(video_type.map(|video_type| ("videoType".into(), json!(video_type))));
    if let Some(batch_size) = batch_size {
        // One clip is sold, and the others would be paid for.
        if batch_size != "1" {
            return Err(rejected("the setting `batchSize` is 1"));
        }
        body.insert("batchSize".into(), json!(1));
    }
    let files = [(START.to_owned(), start.clone())].into();
    let path = format!("{}/submit/video", root(call)?);
    Ok(Request::post_json_with_files(path, Value::Object(body), files))
}

fn body(call: &MediaCall, prompt: String) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("prompt".into(), json!(prompt));
    // Comes back with the task, for an operator who looks for it at the proxy.
    body.insert("state".into(), json!(call.generation_id.to_string()));
    body.extend(call.callback_url.as_ref().map(|url| ("notifyHook".into(), json!(url))));
    body
}

/// The id of the task that the proxy has taken on. Refusals come under status 200 too; their words are free text, mostly
/// Chinese, and only the code counts.
pub(super) fn accepted(reply: &Reply) -> Result<String, ProviderError> {
    let answer: Value = job::read(reply)?;
    let code = answer["code"].as_i64().ok_or_else(|| bad_response("the answer has no code"))?;
    let says = answer["description"].as_str().unwrap_or_default();
    let error = |kind| Err(ProviderError::new(kind, format!("code {code}: {says}")));
    match code {
        // Begun; there already; waiting in the queue.
        1 | 21 | 22 => {
            let id = match &answer["result"] {
                Value::String(id) => id.clone(),
                Value::Number(id) => id.to_string(),
                _ => return Err(bad_response("the answer names no task")),
            };
            path_segment(&id)?;
            Ok(id)
        }
        3 | 4 => error(ProviderErrorKind::RejectedRequest),
        // Broken, or its queue is full: a task that is named all the same will not run.
        9 | 23 => error(ProviderErrorKind::Overloaded),
        24 => {
            let word = answer["properties"]["bannedWord"].as_str().unwrap_or(says);
            Err(content_refused(&format!("banned word {word}")))
        }
        _ => error(ProviderErrorKind::BadResponse),
    }
}

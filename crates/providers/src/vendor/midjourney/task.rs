//! What a proxy tells of a task.

use crate::{
    adapter::{Reply, ReplyBody},
    wire::{
        error::{bad_response, content_refused},
        job,
    },
};
use domain::{
    catalog::Category,
    media::{Product, ProductFile},
    port::{ProviderError, ProviderErrorKind},
};
use serde_json::Value;

/// How far a task is.
pub(super) enum Outcome {
    Running {
        progress: Option<i64>,
    },
    Done(Product),
    /// The proxy does not know the task: it has lost it, or not entered it yet.
    Unknown,
}

/// Reads a task. Of one that it does not know a proxy says nothing at all.
pub(super) fn read(reply: &Reply, category: Category) -> Result<Outcome, ProviderError> {
    let is_empty = matches!(&reply.body, ReplyBody::Bytes(body) if body.trim_ascii().is_empty());
    let task: Value = if is_empty { Value::Null } else { job::read(reply)? };
    if task.is_null() {
        return Ok(Outcome::Unknown);
    }
    let status = task["status"].as_str().ok_or_else(|| bad_response("the task has no status"))?;
    match status {
        "SUCCESS" => {
            files(&task, category).map(|files| Outcome::Done(Product { files, ..Product::default() }))
        }
        "FAILURE" => Err(failure(task["failReason"].as_str().unwrap_or_default())),
        "CANCEL" => Err(failed("it was cancelled")),
        // It waits for more input, and would for ever.
        "MODAL" => Err(failed("the proxy asks for more input")),
        // NOT_START, SUBMITTED, IN_PROGRESS, and what proxies may invent; a task that stays so meets its deadline.
        _ => Ok(Outcome::Running { progress: progress(&task["progress"]) }),
    }
}

/// A clip's task may show its first frame as a picture, which is not what was ordered.
fn files(task: &Value, category: Category) -> Result<Vec<ProductFile>, ProviderError> {
    let (one, many) = match category {
        Category::Video => (&task["videoUrl"], task["videoUrls"].as_array()),
        _ => (&task["imageUrl"], None),
    };
    let mut urls: Vec<&str> = many.into_iter().flatten().filter_map(url).collect();
    if urls.is_empty() {
        urls.extend(url(one));
    }
    if urls.is_empty() {
        return Err(bad_response("the task has ended without a result"));
    }
    Ok(urls.into_iter().map(|url| ProductFile::Url(url.to_owned())).collect())
}

/// An address that stands by itself, or in an object.
fn url(value: &Value) -> Option<&str> {
    let text = value.as_str().or_else(|| value["url"].as_str())?;
    text.starts_with("http").then_some(text)
}

/// `"42%"`.
fn progress(value: &Value) -> Option<i64> {
    let percent: i64 = value.as_str()?.trim_end_matches('%').parse().ok()?;
    (0..=100).contains(&percent).then_some(percent)
}

/// There are no codes, only what Midjourney's bot said.
fn failure(reason: &str) -> ProviderError {
    const CONTENT: [&str; 3] = ["banned prompt", "ai moderator", "blocked by"];
    let lower = reason.to_lowercase();
    if CONTENT.iter().any(|phrase| lower.contains(phrase)) { content_refused(reason) } else { failed(reason) }
}

pub(super) fn failed(reason: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::JobFailed, format!("the task has failed: {reason}"))
}

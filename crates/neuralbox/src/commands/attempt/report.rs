//! What is shown of an attempt: as it goes for people, or as one JSON document at the end.

use super::{Failure, Found, files::Saved};
use crate::output;
use domain::{catalog::Model, media::Job};
use providers::{Observed, Observer};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// What was seen so far.
pub(super) struct Report {
    started_at: Instant,
    json: bool,
    exchanges: Arc<Mutex<Vec<Value>>>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { started_at: Instant::now(), json, exchanges: Arc::default() }
    }

    /// Writes down, or prints, what the client tells.
    pub(super) fn observer(&self) -> Observer {
        let (exchanges, json) = (Arc::clone(&self.exchanges), self.json);
        Arc::new(move |observed| {
            if !json {
                return output::line(&text(observed));
            }
            let mut exchanges = exchanges.lock().unwrap_or_else(PoisonError::into_inner);
            match observed {
                Observed::Sent(shown) => exchanges.push(json!({
                    "method": shown.method, "url": shown.url, "headers": shown.headers, "body": shown.body,
                    "status": null, "answered_after_ms": null,
                })),
                Observed::Answered { status, after_ms } => {
                    if let Some(exchange) = exchanges.last_mut() {
                        exchange["status"] = json!(status);
                        exchange["answered_after_ms"] = json!(after_ms);
                    }
                }
                Observed::Unanswered { .. } => {}
            }
        })
    }

    /// A job runs.
    pub(super) fn waiting(&self, job: &Job) {
        let progress = job.progress.map(|percent| format!(", {percent} %")).unwrap_or_default();
        self.note(&format!("a job runs{progress}; it is asked after in {} ms", job.poll_after_ms));
    }

    /// A word in between.
    pub(super) fn note(&self, text: &str) {
        if !self.json {
            output::line(&format!("  {text}"));
        }
    }

    /// How it ended.
    pub(super) fn end(&self, model: &Model, found: &Result<Found, Failure>) {
        let elapsed_ms = u64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let mut data = json!({
            "model": model.slug, "vendor": model.vendor, "upstream_model": model.upstream.model,
            "exchanges": *exchanges, "elapsed_ms": elapsed_ms, "completed": found.is_ok(),
        });
        match found {
            Ok(found) => {
                data["result_text"] = json!(found.text);
                data["result_file"] = json!(found.file.as_ref().map(described));
                data["metadata"] = Value::Object(found.metadata.clone());
            }
            Err(failure) => data["error"] = json!({ "kind": failure.kind, "message": failure.message }),
        }
        output::print(self.json, &data, || end_text(found, elapsed_ms));
    }
}

fn text(observed: &Observed) -> String {
    match observed {
        Observed::Sent(shown) => {
            let mut lines = vec![format!("→ {} {}", shown.method, shown.url)];
            lines.extend(shown.headers.iter().map(|(name, value)| format!("  {name}: {value}")));
            if !shown.body.is_null() {
                lines.push(format!("{:#}", shown.body).lines().map(|line| format!("  {line}\n")).collect());
            }
            lines.join("\n").trim_end().to_owned()
        }
        Observed::Answered { status, after_ms } => format!("← {status} after {after_ms} ms"),
        Observed::Unanswered { after_ms } => format!("← no answer after {after_ms} ms"),
    }
}

fn end_text(found: &Result<Found, Failure>, elapsed_ms: u64) -> String {
    match found {
        Err(failure) => format!("failed after {elapsed_ms} ms: {}: {}", failure.kind, failure.message),
        Ok(Found { text, file, metadata }) => {
            let mut lines = Vec::new();
            lines.extend(file.as_ref().map(file_text));
            lines.extend(text.clone());
            lines.extend(metadata.iter().map(|(name, value)| format!("{name}: {value}")));
            lines.push(format!("completed after {elapsed_ms} ms"));
            lines.join("\n")
        }
    }
}

fn file_text(file: &Saved) -> String {
    let inspected = &file.inspected;
    let size = inspected.width.zip(inspected.height).map(|(width, height)| format!(", {width}x{height}"));
    let length = inspected.duration_ms.map(|ms| format!(", {ms} ms"));
    let (size, length) = (size.unwrap_or_default(), length.unwrap_or_default());
    let content_type = inspected.media_type.content_type();
    format!("{} ({content_type}{size}{length}, {} bytes)", file.path.display(), file.bytes)
}

fn described(file: &Saved) -> Value {
    json!({
        "path": file.path, "bytes": file.bytes, "content_type": file.inspected.media_type.content_type(),
        "width": file.inspected.width, "height": file.inspected.height,
        "duration_ms": file.inspected.duration_ms,
    })
}

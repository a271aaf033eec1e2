//! A task as the proxy shows it.

use crate::job::{Job, Stage};
use serde_json::{Value, json};

/// 2026-11-22T00:00:00Z in milliseconds.
const SUBMITTED_MS: i64 = super::super::CREATED_UNIX_S * 1_000;

/// The first id is this and one: digits beyond what a float can hold.
const FIRST_ID: u64 = 1_795_305_600_000_000_000;

/// The 24 digits of a request as the id of a task.
pub(super) fn id(request_id: &str) -> String {
    let number = u64::from_str_radix(request_id, 16).unwrap_or_default();
    FIRST_ID.saturating_add(number).to_string()
}

/// A job as a task.
pub(super) fn shown(job: &Job) -> Value {
    let stage = job.stage();
    let (status, progress, fail_reason) = match stage {
        Stage::Waiting => ("SUBMITTED", "0%".to_owned(), None),
        Stage::Running { percent } => ("IN_PROGRESS", format!("{percent}%"), None),
        Stage::Succeeded => ("SUCCESS", "100%".to_owned(), None),
        Stage::Failed => ("FAILURE", String::new(), Some("Job failed, please try again")),
        Stage::Refused => ("FAILURE", String::new(), Some("Banned prompt detected")),
        Stage::Cancelled => ("CANCEL", String::new(), Some("Cancelled")),
    };
    let mut task = job.request.clone();
    let (started, finished) = (stage != Stage::Waiting, stage.is_end());
    let more = json!({
        "id": job.id,
        "status": status,
        "progress": progress,
        "submitTime": SUBMITTED_MS,
        "startTime": started.then_some(SUBMITTED_MS + 1_000),
        "finishTime": finished.then_some(SUBMITTED_MS + 30_000),
        "imageUrl": image_url(job, stage),
        "failReason": fail_reason,
    });
    extend(&mut task, &more);
    if stage == Stage::Succeeded {
        extend(&mut task, &job.output);
        if let Some(map) = task.as_object_mut() {
            map.remove("preview");
        }
    }
    task
}

/// A picture is there before the last one is, where a task makes pictures.
fn image_url(job: &Job, stage: Stage) -> Value {
    let name = match stage {
        Stage::Running { .. } => "preview",
        Stage::Succeeded => "imageUrl",
        _ => return Value::Null,
    };
    job.output.get(name).cloned().unwrap_or_default()
}

fn extend(task: &mut Value, more: &Value) {
    if let (Some(task), Some(more)) = (task.as_object_mut(), more.as_object()) {
        task.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

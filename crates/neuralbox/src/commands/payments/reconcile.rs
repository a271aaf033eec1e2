//! `neuralbox payments reconcile`

use crate::{
    commands::{Error, time::read_time, trail::noted},
    output,
};
use app::{App, AuditNote, Finding, Outcome, Reconciliation};
use domain::time::{DAY_MS, Timestamp};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Milliseconds back from the end that are compared where nothing is said.
const SPAN_MS: i64 = 2 * DAY_MS;

/// Compares, says what would be done, and does it where there is a note of who wants that. Exit status 0 when nothing is left open.
pub(super) async fn run(
    app: &App,
    from: Option<&str>,
    to: Option<&str>,
    note: Option<AuditNote>,
    json: bool,
) -> Result<ExitCode, Error> {
    let read = |option: &str, text: Option<&str>| text.map(|text| read_time(option, text)).transpose();
    let to: Timestamp = read("--to", to)?.unwrap_or_else(|| app.clock().now());
    let from = read("--from", from)?.unwrap_or_else(|| to.plus_ms(-SPAN_MS));
    let planned = app.reconcile(from, to, false).await?;
    if planned.books.is_empty() {
        return Err(Error::Other(
            "no payment service is configured: see payments.* in docs/billing.md".into(),
        ));
    }
    if !json {
        output::line(&text(&planned, note.is_some()));
    }
    let done = if let Some(note) = note.filter(|_| !planned.findings.is_empty()) {
        let details = Some(format!("{from} to {to}, {} findings", planned.findings.len()));
        let work = Box::pin(async { Ok(app.reconcile(from, to, true).await?) });
        let done = noted(app, AuditNote { details, ..note }, work, |_, note| note).await?;
        if !json {
            output::line(&format!("\n{}", outcomes(&done)));
        }
        done
    } else {
        planned
    };
    if json {
        output::line(&format!("{:#}", data(&done)));
    }
    Ok(if done.is_settled() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found, and what is to be done about it.
fn text(found: &Reconciliation, apply: bool) -> String {
    let mut lines = vec![format!("{} to {}", found.from, found.to)];
    for books in &found.books {
        let count = books.records.map_or("could not be read".to_owned(), |count| format!("{count} records"));
        lines.push(format!("{}: {count}", books.method.name()));
    }
    for finding in &found.findings {
        lines.push(format!("{}: {}", about(finding), finding.text));
        let remedy = match (finding.kind.remedy(), apply) {
            (Some(remedy), true) => remedy.to_owned(),
            (Some(remedy), false) => format!("{remedy} (with --apply)"),
            (None, _) => "for a person".to_owned(),
        };
        lines.push(format!("    → {remedy}"));
    }
    if found.findings.is_empty() && found.is_read() {
        lines.push("the books agree".to_owned());
    }
    lines.join("\n")
}

fn outcomes(done: &Reconciliation) -> String {
    let lines = done.findings.iter().map(|finding| {
        let outcome = match &finding.outcome {
            Outcome::Done => "done",
            Outcome::Open => "left for a person",
            Outcome::Failed(why) => why,
        };
        format!("{}: {outcome}", about(finding))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn about(finding: &Finding) -> String {
    let named = [
        finding.account_id.map(|id| format!("account {id}")),
        finding.payment_id.map(|id| format!("payment {id}")),
        finding.refund_id.map(|id| format!("refund {id}")),
        finding.gateway_id.as_ref().map(|id| format!("{} {id}", finding.method.name())),
    ];
    let named: Vec<String> = named.into_iter().flatten().collect();
    format!("{} {}", finding.kind.name(), named.join(", "))
}

fn data(done: &Reconciliation) -> Value {
    let books =
        done.books.iter().map(|books| json!({ "method": books.method.name(), "records": books.records }));
    let findings = done.findings.iter().map(|finding| {
        let (outcome, error) = match &finding.outcome {
            Outcome::Open => ("open", None),
            Outcome::Done => ("done", None),
            Outcome::Failed(why) => ("failed", Some(why)),
        };
        json!({
            "kind": finding.kind.name(),
            "method": finding.method.name(),
            "account_id": finding.account_id,
            "payment_id": finding.payment_id,
            "refund_id": finding.refund_id,
            "gateway_id": finding.gateway_id,
            "text": finding.text,
            "remedy": finding.kind.remedy(),
            "outcome": outcome,
            "error": error,
        })
    });
    json!({
        "from": done.from,
        "to": done.to,
        "settled": done.is_settled(),
        "books": books.collect::<Value>(),
        "findings": findings.collect::<Value>(),
    })
}

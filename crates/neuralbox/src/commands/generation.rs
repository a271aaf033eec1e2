//! `neuralbox generation`

use super::{Error, account::operator_app, payments::show::fields};
use crate::{cli::GenerationCommand, operator::Operator, output, settings::Settings};
use app::{AuditNote, GenerationRecord};
use domain::{
    id::{AccountId, GenerationId},
    ledger::Refunded,
};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(crate) async fn run(
    settings: &Settings,
    operator: &Operator,
    command: GenerationCommand,
) -> Result<ExitCode, Error> {
    match command {
        GenerationCommand::Show { id, account, json } => {
            let app = operator_app(settings).await?;
            let record = app.find_generation(GenerationId(id), account.map(AccountId)).await?;
            let data = shown(&record);
            output::print(json, &data, || fields(&data));
        }
        GenerationCommand::Refund { id, account, reason, json } => {
            let note = operator.note("generation refund", Some(&reason))?;
            let app = operator_app(settings).await?;
            let record = app.find_generation(GenerationId(id), account.map(AccountId)).await?;
            let account_id = record.account_id;
            let details = Some(format!("generation {id}"));
            let note = AuditNote { account_id: Some(account_id), details, ..note };
            let refunded = app.refund_generation(account_id, record.id, note).await?;
            output::print(json, &told(&record, &refunded), || in_words(&record, &refunded));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What there is to know of it, but for what was asked and answered: that is its owner's.
fn shown(record: &GenerationRecord) -> Value {
    json!({
        "id": record.id,
        "account_id": record.account_id,
        "key_id": record.key_id,
        "status": record.status.name(),
        "model_slug": record.model_slug,
        "price_tokens": record.price_tokens,
        "plan_tokens": record.split.plan_tokens,
        "permanent_tokens": record.split.permanent_tokens,
        "cycle_id": record.cycle_id,
        "refunded_tokens": record.refunded_tokens,
        "created_at": record.created_at,
        "completed_at": record.completed_at,
        "processing_ms": record.completed_at.map(|at| at.ms_since(record.created_at)),
        "error_code": record.error_code,
        "error": record.error_message,
        "vendor_cost_micro_usd": record.vendor_cost_micro_usd,
        "balance_tokens_then": record.balance_tokens,
    })
}

fn told(record: &GenerationRecord, refunded: &Refunded) -> Value {
    json!({
        "generation_id": record.id,
        "account_id": record.account_id,
        "price_tokens": record.price_tokens,
        "plan_tokens": refunded.split.plan_tokens,
        "permanent_tokens": refunded.split.permanent_tokens,
        "expired_tokens": refunded.expired_tokens,
        "was_refunded_before": !refunded.is_first,
    })
}

fn in_words(record: &GenerationRecord, refunded: &Refunded) -> String {
    let (plan, permanent) = (refunded.split.plan_tokens, refunded.split.permanent_tokens);
    let when = if refunded.is_first { "come back" } else { "came back before; nothing has changed" };
    let mut text = format!(
        "generation {} of account {}: {plan} plan tokens and {permanent} permanent ones {when}",
        record.id, record.account_id
    );
    if refunded.expired_tokens > 0 {
        text.push_str(&format!(
            "\n{} plan tokens do not: their cycle is over, and they have expired with it",
            refunded.expired_tokens
        ));
    }
    text
}

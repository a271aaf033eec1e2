//! `neuralbox payments`

mod reconcile;
pub(super) mod show;

use super::{Error, account::operator_app, trail::noted};
use crate::{cli::PaymentsCommand, operator::Operator, output, settings::Settings, wiring};
use app::AuditNote;
use domain::id::{AccountId, PaymentId};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(crate) async fn run(
    settings: &Settings,
    operator: &Operator,
    command: PaymentsCommand,
) -> Result<ExitCode, Error> {
    let app = operator_app(settings).await?;
    wiring::refuse_real_vendors_for_sandbox(settings, &wiring::connect(settings, wiring::clock()).await?)
        .await?;
    match command {
        PaymentsCommand::List { account, email, attention, limit, json } => {
            let account_id = match (account, email) {
                (Some(id), _) => Some(AccountId(id)),
                (None, Some(email)) => Some(app.account_by_email(&email).await?.id),
                (None, None) => None,
            };
            if attention {
                let data = show::in_doubt(&app.in_doubt().await?, account_id);
                output::print(json, &data, || {
                    show::table(&data, &show::DOUBT_COLUMNS, "nothing waits for a person")
                });
                return Ok(ExitCode::SUCCESS);
            }
            let payments = match account_id {
                Some(id) => app.payments(id, 0, limit).await?.0,
                None => app.newest_payments(limit).await?,
            };
            let data = Value::from_iter(payments.iter().map(show::payment));
            output::print(json, &data, || {
                show::table(&data, &show::PAYMENT_COLUMNS, "there are no payments")
            });
        }
        PaymentsCommand::Show { id, json } => {
            let data = show::details(&app.payment_details(PaymentId(id)).await?);
            output::print(json, &data, || show::fields(&data));
        }
        PaymentsCommand::Refund { id, reason, dry_run, json } => {
            let note = operator.note("payments refund", Some(&reason))?;
            return refund(&app, PaymentId(id), note, dry_run, json).await;
        }
        PaymentsCommand::Reconcile { from, to, apply, json } => {
            let note = apply.then(|| operator.note("payments reconcile", None)).transpose()?;
            return reconcile::run(&app, from.as_deref(), to.as_deref(), note, json).await;
        }
        PaymentsCommand::Resolve { id } => {
            let note = operator.note("payments resolve", None)?;
            let doubt = app.in_doubt().await?;
            let note =
                AuditNote { account_id: show::doubted(&doubt, id), details: Some(id.to_string()), ..note };
            let why = noted(&app, note, async { Ok(app.resolve(id).await?) }, |why: &String, note| {
                AuditNote { details: Some(format!("{id}: {why}")), ..note }
            })
            .await?;
            output::line(&format!("{id} goes on; it had stopped because: {why}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Gives money back, and says before what that means. Exit status 0 when it has gone back, or is on its way.
async fn refund(
    app: &app::App,
    id: PaymentId,
    note: AuditNote,
    dry_run: bool,
    json: bool,
) -> Result<ExitCode, Error> {
    let quote = app.quote_refund(id).await?;
    let (amount, currency, tokens) = (quote.amount, quote.amount.currency.code(), quote.tokens);
    let ends = quote.ends.map(|live| live.id);
    if !json {
        let ending = ends.map(|id| format!("; subscription {id} ends")).unwrap_or_default();
        output::line(&format!(
            "payment {id}: {amount} {currency} go back, {tokens} tokens are taken{ending}"
        ));
    }
    let planned = json!({
        "payment_id": id,
        "amount": amount.to_string(),
        "currency": currency,
        "tokens": tokens,
        "ends_subscription_id": ends,
    });
    if dry_run {
        output::print(json, &planned, || "nothing was done (--dry-run)".to_owned());
        return Ok(ExitCode::SUCCESS);
    }
    let reason = note.reason.clone().unwrap_or_default();
    let account_id = Some(app.payment_details(id).await?.payment.account_id);
    let details = Some(format!("payment {id}: {amount} {currency}, {tokens} tokens"));
    let note = AuditNote { account_id, details, ..note };
    let work = Box::pin(async { Ok(app.refund_payment(id, &reason).await?) });
    let refund = noted(app, note, work, |refund, note| {
        let details = note.details.map(|details| format!("{details}: {}", refund.status.name()));
        AuditNote { details, ..note }
    })
    .await?;
    let data = show::refund(&refund);
    output::print(json, &data, || show::fields(&data));
    let has_failed = refund.status == domain::billing::RefundStatus::Failed;
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

//! `/billing/subscription`

use super::order;
use crate::{
    error::ApiError,
    extract::{AnyPlan, JsonObject, NoBody},
    idempotency,
    openapi::{Operation, Time},
};
use app::{App, Error};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::{billing::Subscription, time::Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A subscription as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscription)]
struct SubscriptionBody {
    plan: String,
    method: &'static str,
    status: &'static str,
    #[schema(value_type = Time)]
    cycle_starts_at: Timestamp,
    #[schema(value_type = Time)]
    cycle_ends_at: Timestamp,
    /// Whether it ends then.
    cancel_at_end: bool,
    /// The plan from then on, where that is another.
    next_plan: Option<String>,
}

/// The answer to an order that needs no payment now.
#[derive(Serialize, ToSchema)]
#[schema(as = LaterOrder)]
pub(super) struct LaterBody {
    payment_id: Option<i64>,
    confirmation_url: Option<String>,
    #[schema(value_type = Time)]
    effective_at: Timestamp,
    subscription: SubscriptionBody,
}

impl From<Subscription> for LaterBody {
    fn from(subscription: Subscription) -> Self {
        Self {
            payment_id: None,
            confirmation_url: None,
            effective_at: subscription.window.ends_at,
            subscription: subscription.into(),
        }
    }
}

impl From<Subscription> for SubscriptionBody {
    fn from(subscription: Subscription) -> Self {
        Self {
            plan: subscription.plan,
            method: subscription.method.name(),
            status: subscription.status.name(),
            cycle_starts_at: subscription.window.starts_at,
            cycle_ends_at: subscription.window.ends_at,
            cancel_at_end: subscription.cancel_at_end,
            next_plan: subscription.next_plan,
        }
    }
}

pub(crate) async fn create(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    caller.require_unlimited_key()?;
    let key = idempotency::read(&headers)?;
    let (order, required) = order::read(&body, &["plan"])?;
    let (account_id, plan) = (caller.account_id, required.into_iter().next().unwrap_or_default());
    let what = ["subscription", &plan].map(str::to_owned);
    order::carry_out(app, account_id, key, what, order, async move |app, order| {
        app.subscribe(account_id, &plan, order).await
    })
    .await
}

pub(crate) async fn show(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
) -> Result<impl IntoResponse, ApiError> {
    let subscription = app.live_subscription(caller.account_id).await?;
    let subscription = subscription.ok_or(Error::NotFound("subscription"))?;
    Ok(Json(SubscriptionBody::from(subscription)))
}

pub(crate) async fn cancel(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
) -> Result<impl IntoResponse, ApiError> {
    caller.require_unlimited_key()?;
    app.cancel_subscription(caller.account_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn resume(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
    _: NoBody,
) -> Result<impl IntoResponse, ApiError> {
    caller.require_unlimited_key()?;
    let subscription = app.resume_subscription(caller.account_id).await?;
    Ok(Json(SubscriptionBody::from(subscription)))
}

fn example() -> Value {
    json!({
        "plan": "pro", "method": "yookassa", "status": "active", "cycle_starts_at": "2026-11-22T12:00:00Z",
        "cycle_ends_at": "2026-12-22T12:00:00Z", "cancel_at_end": false, "next_plan": null,
    })
}

pub(crate) fn create_operation() -> Operation {
    let later = json!({
        "payment_id": null, "confirmation_url": null, "effective_at": "2026-12-22T12:00:00Z", "subscription": example(),
    });
    order::operation(
        "Subscribe to a plan, or change it",
        &["plan"],
        json!({ "plan": "pro", "method": "yookassa" }),
    )
    .about("An upgrade takes effect when it is paid; a downgrade, at the end of the cycle.")
    .answers::<LaterBody>(
        200,
        "No payment is needed now: what changes, changes at the end of the cycle.",
        later,
    )
    .refuses(&["limited_key"])
}

pub(crate) fn show_operation() -> Operation {
    Operation::new("Show the subscription")
        .answers::<SubscriptionBody>(200, "The one that runs.", example())
        .refuses(&["not_found"])
}

pub(crate) fn cancel_operation() -> Operation {
    Operation::new("End the subscription at the end of its cycle")
        .answers_nothing(204, "It ends then, and nothing more is charged.")
        .refuses(&["limited_key", "not_found", "provider_error"])
}

pub(crate) fn resume_operation() -> Operation {
    Operation::new("Take a cancellation back")
        .no_body()
        .answers::<SubscriptionBody>(200, "It goes on.", example())
        .refuses(&["limited_key", "not_found", "provider_error"])
}

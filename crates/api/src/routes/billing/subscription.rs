//! `/billing/subscription`

use super::order;
use crate::{
    error::ApiError,
    extract::{AnyPlan, JsonObject},
    idempotency,
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

/// A subscription as its owner sees it.
#[derive(Serialize)]
struct SubscriptionBody {
    plan: String,
    method: &'static str,
    status: &'static str,
    cycle_starts_at: Timestamp,
    cycle_ends_at: Timestamp,
    /// Whether it ends then.
    cancel_at_end: bool,
    /// The plan from then on, where that is another.
    next_plan: Option<String>,
}

/// The answer to an order that needs no payment now.
#[derive(Serialize)]
pub(super) struct LaterBody {
    payment_id: Option<i64>,
    confirmation_url: Option<String>,
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
    app.cancel_subscription(caller.account_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn resume(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
) -> Result<impl IntoResponse, ApiError> {
    let subscription = app.resume_subscription(caller.account_id).await?;
    Ok(Json(SubscriptionBody::from(subscription)))
}

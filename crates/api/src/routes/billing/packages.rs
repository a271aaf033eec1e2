//! `POST /billing/packages/{slug}`

use super::order;
use crate::{
    error::ApiError,
    extract::{AnyPlan, JsonObject, PathName},
    idempotency,
    openapi::Operation,
};
use app::{App, Ordered};
use axum::{extract::State, http::HeaderMap, response::Response};
use serde_json::json;

pub(crate) async fn create(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
    headers: HeaderMap,
    PathName(slug): PathName,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let key = idempotency::read(&headers)?;
    let (order, _) = order::read(&body, &[])?;
    let (account_id, what) = (caller.account_id, ["package", &slug].map(str::to_owned));
    order::carry_out(app, account_id, key, what, order, async move |app, order| {
        let payment = app.buy_package(account_id, &slug, order).await?;
        Ok(Ordered::Payment(Box::new(payment)))
    })
    .await
}

pub(crate) fn operation() -> Operation {
    order::operation("Buy a package", &[], json!({ "method": "telegram_stars" }))
}

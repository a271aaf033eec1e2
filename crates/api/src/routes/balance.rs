//! `GET /balance`

use crate::{
    error::ApiError,
    extract::Authenticated,
    openapi::{Operation, Time},
};
use app::App;
use axum::{Json, extract::State};
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// What there is to spend.
#[derive(Serialize, ToSchema)]
#[schema(as = Balance)]
pub(crate) struct BalanceBody {
    /// NeuralBox tokens that are free to spend.
    token_balance: i64,
    plan: String,
    #[schema(value_type = Option<Time>)]
    plan_expires_at: Option<Timestamp>,
}

pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<BalanceBody>, ApiError> {
    let balance = app.balance(&caller).await?;
    Ok(Json(BalanceBody {
        token_balance: balance.token_balance,
        plan: balance.plan,
        plan_expires_at: balance.plan_expires_at,
    }))
}

pub(crate) fn operation() -> Operation {
    let example = json!({ "token_balance": 283, "plan": "vip", "plan_expires_at": "2026-12-22T00:00:00Z" });
    Operation::new("Show the balance").answers::<BalanceBody>(200, "What there is to spend.", example)
}

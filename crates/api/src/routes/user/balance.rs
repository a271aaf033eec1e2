//! `GET /user/balance`

use crate::{
    error::ApiError,
    extract::Authenticated,
    openapi::{Operation, Time},
};
use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// Where an account's tokens are.
#[derive(Serialize, ToSchema)]
#[schema(as = UserBalance)]
struct PurseBody {
    /// NeuralBox tokens that are free to spend.
    token_balance: i64,
    plan: String,
    #[schema(value_type = Option<Time>)]
    plan_expires_at: Option<Timestamp>,
    /// Those of them that end with the cycle.
    plan_tokens_remaining: i64,
    /// Those of them that never expire.
    bonus_tokens: i64,
    /// When the plan gives tokens again, if it does.
    #[schema(value_type = Option<Time>)]
    next_refill_at: Option<Timestamp>,
    /// What running generations hold.
    held_tokens: i64,
}

pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<impl IntoResponse, ApiError> {
    let purse = app.purse(&caller).await?;
    Ok(Json(PurseBody {
        token_balance: purse.balance.token_balance,
        plan: purse.balance.plan,
        plan_expires_at: purse.balance.plan_expires_at,
        plan_tokens_remaining: purse.plan_tokens,
        bonus_tokens: purse.bonus_tokens,
        next_refill_at: purse.next_refill_at,
        held_tokens: purse.held_tokens,
    }))
}

pub(crate) fn operation() -> Operation {
    let example = json!({
        "token_balance": 283, "plan": "vip", "plan_expires_at": "2026-12-22T00:00:00Z",
        "plan_tokens_remaining": 233, "bonus_tokens": 50, "next_refill_at": "2026-12-22T00:00:00Z", "held_tokens": 4,
    });
    Operation::new("Show where the tokens are").answers::<PurseBody>(200, "By kind.", example)
}

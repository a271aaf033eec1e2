//! `GET /balance`

use crate::{error::ApiError, extract::Authenticated};
use app::App;
use axum::{Json, extract::State};
use domain::time::Timestamp;
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct BalanceBody {
    token_balance: i64,
    plan: String,
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

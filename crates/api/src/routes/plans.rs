//! `GET /plans`

use crate::{
    openapi::{Operation, list as list_of},
    wire::List,
};
use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use serde_json::json;

pub(crate) async fn list(State(app): State<App>) -> impl IntoResponse {
    Json(List::whole(app.catalog().plans().to_vec()))
}

pub(crate) fn operation() -> Operation {
    let schema = json!({ "type": "object", "properties": {
        "slug": { "type": "string" }, "name": { "type": "string" },
        "tokens": { "type": "integer" }, "recurring": { "type": "boolean" },
        "price": { "type": "integer" }, "currency": { "type": "string" },
        "rate_limit_hourly": { "type": "integer" }, "rate_limit_daily": { "type": "integer" },
        "api_access": { "type": "boolean" },
    }});
    let example = json!({
        "slug": "vip", "name": "VIP", "tokens": 1500, "recurring": true, "price": 2490, "currency": "RUB",
        "rate_limit_hourly": 100, "rate_limit_daily": 1000, "api_access": true,
    });
    Operation::new("List the plans").about("Tokens are credited each cycle where `recurring`, else once; a limit of 0 is none; prices are in whole roubles.").answers_json(
        200,
        "The plans.",
        list_of(schema),
        json!({ "items": [example], "total": 1 }),
    )
}

//! `GET /packages`

use crate::{
    openapi::{Operation, list as list_of},
    wire::List,
};
use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use serde_json::json;

pub(crate) async fn list(State(app): State<App>) -> impl IntoResponse {
    Json(List::whole(app.catalog().packages().to_vec()))
}

pub(crate) fn operation() -> Operation {
    let schema = json!({ "type": "object", "properties": {
        "slug": { "type": "string" }, "name": { "type": "string" }, "tokens": { "type": "integer" },
        "price": { "type": "integer" }, "currency": { "type": "string" },
    }});
    let example = json!({ "slug": "light", "name": "Light", "tokens": 100, "price": 449, "currency": "RUB" });
    Operation::new("List the packages")
        .about("Tokens that never expire, for a price in whole roubles.")
        .answers_json(200, "The packages.", list_of(schema), json!({ "items": [example], "total": 1 }))
}

//! `GET /packages`

use crate::wire::List;
use app::App;
use axum::{Json, extract::State, response::IntoResponse};

pub(crate) async fn list(State(app): State<App>) -> impl IntoResponse {
    Json(List::whole(app.catalog().packages().to_vec()))
}

//! `GET /metrics`

use crate::{error::ApiError, metrics, openapi::Operation};
use app::{App, Error};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

/// Prometheus' text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

pub(crate) async fn show(State(app): State<App>) -> Result<Response, ApiError> {
    let gauges = app.gauges().await?;
    let text = metrics::render(&gauges);
    let text = text.ok_or_else(|| Error::Internal("another recorder of metrics is installed".to_owned()))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

pub(crate) fn operation() -> Operation {
    let example = "# TYPE neuralbox_holds_open gauge\nneuralbox_holds_open 3\n";
    Operation::new("What is counted")
        .about("For Prometheus. Keep it from the outside at the proxy: it tells how much is sold.")
        .answers_media(200, "Prometheus' text format.", "text/plain", Some(example))
}

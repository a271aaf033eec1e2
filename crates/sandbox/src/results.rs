//! Results that a vendor gives as URLs. The URL says all about the result, so nothing is kept for it.

use crate::{
    deliver::{HTML, endless},
    fault::Fault,
    media::Recipe,
};
use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

/// What a URL leads to.
const HOW: [(&str, Option<Fault>); 4] = [
    ("ok", None),
    ("gone", Some(Fault::ResultGone)),
    ("page", Some(Fault::WrongType)),
    ("endless", Some(Fault::Oversized)),
];

/// The path of a result of `vendor`. A fault that is not about results changes nothing.
pub(crate) fn path(vendor: &str, recipe: &Recipe, fault: Option<Fault>) -> String {
    let how = HOW.iter().find(|(_, with)| with.is_some() && *with == fault).map_or("ok", |(how, _)| how);
    format!("/{vendor}/files/{how}/{}", recipe.file_name())
}

/// Serves what [`path`] names. No key is asked for, as with the vendors.
pub(crate) fn routes(vendor: &str) -> Router {
    Router::new().route(&format!("/{vendor}/files/{{how}}/{{name}}"), get(serve))
}

async fn serve(Path((how, name)): Path<(String, String)>) -> Response {
    let fault = HOW.iter().find(|(known, _)| *known == how).map(|(_, fault)| *fault);
    let (Some(fault), Some(recipe)) = (fault, Recipe::parse(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(media) = recipe.make().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let content_type = [(header::CONTENT_TYPE, media.content_type)];
    match fault {
        Some(Fault::ResultGone) => (StatusCode::NOT_FOUND, "Not Found").into_response(),
        Some(Fault::WrongType) => Html(HTML).into_response(),
        Some(Fault::Oversized) => (content_type, endless(media.bytes)).into_response(),
        _ => (content_type, media.bytes).into_response(),
    }
}

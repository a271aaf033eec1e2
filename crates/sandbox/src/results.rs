//! Results that a vendor gives as URLs. The URL says all about the result, so nothing is kept for it, but how often one that
//! is to fail at first was asked for.

use crate::{
    deliver::{HTML, endless},
    fault::Fault,
    media::Recipe,
};
use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What a URL leads to.
const HOW: [(&str, Option<Fault>); 5] = [
    ("ok", None),
    ("gone", Some(Fault::ResultGone)),
    ("flaky", Some(Fault::ResultFlaky)),
    ("page", Some(Fault::WrongType)),
    ("endless", Some(Fault::Oversized)),
];

/// Times that a flaky result fails before it comes.
const FLAKY_TIMES: u32 = 3;

/// How often each flaky result has failed so far.
#[derive(Clone, Default)]
struct Flaky {
    failures: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Flaky {
    /// Whether the result of that name fails this time. One that came begins anew.
    fn fails(&self, name: &str) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.remove(name).unwrap_or_default();
        if count < FLAKY_TIMES {
            failures.insert(name.to_owned(), count + 1);
        }
        count < FLAKY_TIMES
    }
}

/// The path of a result of `vendor`. A fault that is not about results changes nothing.
pub(crate) fn path(vendor: &str, recipe: &Recipe, fault: Option<Fault>) -> String {
    let how = HOW.iter().find(|(_, with)| with.is_some() && *with == fault).map_or("ok", |(how, _)| how);
    format!("/{vendor}/files/{how}/{}", recipe.file_name())
}

/// Serves what [`path`] names. No key is asked for, as with the vendors.
pub(crate) fn routes(vendor: &str) -> Router {
    Router::new().route(&format!("/{vendor}/files/{{how}}/{{name}}"), get(serve)).with_state(Flaky::default())
}

async fn serve(State(flaky): State<Flaky>, Path((how, name)): Path<(String, String)>) -> Response {
    let fault = HOW.iter().find(|(known, _)| *known == how).map(|(_, fault)| *fault);
    let (Some(fault), Some(recipe)) = (fault, Recipe::parse(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(media) = recipe.make().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let content_type = [(header::CONTENT_TYPE, media.content_type)];
    match fault {
        Some(Fault::ResultGone) => (StatusCode::NOT_FOUND, "Not Found").into_response(),
        Some(Fault::ResultFlaky) if flaky.fails(&name) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Fault::WrongType) => Html(HTML).into_response(),
        Some(Fault::Oversized) => (content_type, endless(media.bytes)).into_response(),
        _ => (content_type, media.bytes).into_response(),
    }
}

//! `RateLimit-…` on every answer of a route that starts generations.

use crate::extract::bearer;
use app::App;
use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::Response,
};
use domain::ledger::RateState;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// What a response brings along when it is known where its account stands: `None` when nothing is to be said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known(pub(crate) Option<RateState>);

/// Says where the account stands with its plan's limits. What a hold has counted is known from it; whoever was refused
/// before, or repeats a request, is looked up.
pub(crate) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let key = bearer(request.headers()).map(str::to_owned);
    let mut response = next.run(request).await;
    let state = match (response.extensions_mut().remove::<Known>(), key) {
        (Some(Known(state)), _) => state,
        (None, Some(key)) if response.status() != StatusCode::UNAUTHORIZED => look(&app, &key).await,
        (None, _) => None,
    };
    if let Some(state) = state {
        let values = [(LIMIT, state.limit), (REMAINING, state.remaining), (RESET, state.reset_s())];
        response.headers_mut().extend(values.map(|(name, value)| (name, HeaderValue::from(value))));
    }
    response
}

async fn look(app: &App, key: &str) -> Option<RateState> {
    let caller = app.authenticate(key).await.ok()?;
    app.rate_state(&caller).await.ok().flatten()
}

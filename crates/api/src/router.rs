//! Every route, in one table. A test walks it: what is not public refuses a call without a key, and what reaches a vendor
//! takes a hold first.

use crate::{
    error::ApiError,
    form, limits, request_id,
    routes::{
        balance, billing, callbacks, files, generate, health, keys, models, openai, packages, plans, stt,
    },
    wire,
};
use app::App;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{MethodRouter, delete, get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

/// The largest request body, in bytes: a conversation with a few pictures in it.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The limit on a payment service's message.
fn messages() -> DefaultBodyLimit {
    DefaultBodyLimit::max(billing::notifications::MAX_BYTES)
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// The holder of a valid key, on a plan where keys work.
    Key,
    /// The holder of a valid key on any plan; the handler says what may be seen.
    AnyPlanKey,
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Its path, with parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whether a vendor is called for it, which only happens under a hold.
    pub reaches_vendor: bool,
    handler: fn() -> MethodRouter<App>,
}

impl Route {
    const fn get(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Self {
        Self { method: "GET", path, access, reaches_vendor: false, handler }
    }

    const fn delete(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Self {
        Self { method: "DELETE", path, access, reaches_vendor: false, handler }
    }

    const fn post(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Self {
        Self { method: "POST", path, access, reaches_vendor: false, handler }
    }

    const fn reaching_vendor(self) -> Self {
        Self { reaches_vendor: true, ..self }
    }
}

/// All routes.
pub const ROUTES: [Route; 33] = [
    Route::get("/healthz", Access::Public, || get(health::alive)),
    Route::get("/readyz", Access::Public, || get(health::ready)),
    Route::get("/api/v2/models", Access::Public, || get(models::list::list)),
    Route::get("/api/v2/models/{slug}", Access::Public, || get(models::show::show)),
    Route::post("/api/v2/models/{slug}/calculate-price", Access::Public, || {
        post(models::calculate_price::calculate_price)
    }),
    Route::get("/api/v2/plans", Access::Public, || get(plans::list)),
    Route::get("/api/v2/packages", Access::Public, || get(packages::list)),
    Route::get("/api/v2/balance", Access::Key, || get(balance::show)),
    Route::post("/api/v2/generate", Access::Key, || post(generate::create::create)).reaching_vendor(),
    Route::post("/api/v2/generate/stream", Access::Key, || post(generate::stream::stream)).reaching_vendor(),
    Route::get("/api/v2/generate/{id}", Access::AnyPlanKey, || get(generate::show::show)),
    Route::delete("/api/v2/generate/{id}", Access::AnyPlanKey, || delete(generate::cancel::cancel)),
    Route::post("/api/v2/stt", Access::Key, || post(stt::create).layer(form::body_limit())).reaching_vendor(),
    Route::post("/api/v2/files", Access::Key, || post(files::create).layer(form::body_limit())),
    // Its name is what it takes to read a file, and nobody can guess it.
    Route::get("/api/v2/files/{name}", Access::Public, || get(files::show)),
    Route::post("/api/v2/callbacks/{token}", Access::Public, || post(callbacks::create)),
    Route::get("/api/v2/keys", Access::Key, || get(keys::list)),
    Route::post("/api/v2/keys", Access::Key, || post(keys::create)),
    Route::delete("/api/v2/keys/{id}", Access::Key, || delete(keys::revoke)),
    Route::get("/api/v2/billing/subscription", Access::AnyPlanKey, || get(billing::subscription::show)),
    Route::post("/api/v2/billing/subscription", Access::AnyPlanKey, || post(billing::subscription::create)),
    Route::delete("/api/v2/billing/subscription", Access::AnyPlanKey, || {
        delete(billing::subscription::cancel)
    }),
    Route::post("/api/v2/billing/subscription/resume", Access::AnyPlanKey, || {
        post(billing::subscription::resume)
    }),
    Route::post("/api/v2/billing/packages/{slug}", Access::AnyPlanKey, || post(billing::packages::create)),
    Route::get("/api/v2/billing/payments", Access::AnyPlanKey, || get(billing::payments::list)),
    // Whoever sends a message here is believed only as far as it proves itself, or as the service confirms.
    Route::post("/api/v2/billing/notifications/yookassa", Access::Public, || {
        post(billing::notifications::yookassa).layer(messages())
    }),
    Route::post("/api/v2/billing/notifications/telegram", Access::Public, || {
        post(billing::notifications::telegram).layer(messages())
    }),
    Route::get("/v1/models", Access::Key, || get(openai::models::list)),
    Route::get("/v1/models/{slug}", Access::Key, || get(openai::models::show)),
    Route::post("/v1/chat/completions", Access::Key, || post(openai::chat::create)).reaching_vendor(),
    Route::post("/v1/images/generations", Access::Key, || post(openai::images::create)).reaching_vendor(),
    Route::post("/v1/audio/speech", Access::Key, || post(openai::speech::create)).reaching_vendor(),
    Route::post("/v1/audio/transcriptions", Access::Key, || {
        post(openai::transcriptions::create).layer(form::body_limit())
    })
    .reaching_vendor(),
];

/// The whole API over `app`.
pub fn router(app: App) -> Router {
    let limits = middleware::from_fn_with_state(app.clone(), limits::layer);
    let router = ROUTES.iter().fold(Router::new(), |router, route| {
        let handler = (route.handler)();
        let handler = if route.reaches_vendor { handler.route_layer(limits.clone()) } else { handler };
        router.route(route.path, handler)
    });
    router
        .fallback(async || ApiError::not_found("route"))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(CatchPanicLayer::custom(|_| ApiError::panicked()))
        .layer(middleware::from_fn(wire::openai::error::layer))
        .layer(middleware::from_fn(request_id::layer))
        .with_state(app)
}

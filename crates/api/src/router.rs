//! Every route, in one table. A test walks it: what is not public refuses a call without a key, and what reaches a vendor
//! takes a hold first.

use crate::{
    CorsOrigins, HttpLimits,
    address::TrustedProxies,
    address_limit::{self, AddressLimit},
    error::ApiError,
    form, limits,
    query::QueryFields,
    request_id,
    route::{Access, Limit, Route},
    routes::{
        auth, balance, billing, callbacks, docs, files, generate, health, keys, metrics, models, openai,
        packages, plans, stt, user, webhooks,
    },
    wire,
};
use app::App;
use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, Request},
    middleware::{self, Next},
    response::Response,
    routing::{delete, get, patch, post},
};
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};

/// The limit on a payment service's message.
fn messages() -> DefaultBodyLimit {
    DefaultBodyLimit::max(billing::notifications::MAX_BYTES)
}

/// The limit on what somebody says of themselves to sign in.
fn words() -> DefaultBodyLimit {
    DefaultBodyLimit::max(16 * 1024)
}

/// What a deployment decides about HTTP.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Proxies whose word on where a request comes from is believed.
    pub trusted_proxies: TrustedProxies,
    /// Requests that one address may make in a minute without a key.
    pub public_per_minute: u32,
    /// As many of them may be for signing in, which count apart.
    pub sign_in_per_minute: u32,
    /// What a connection and a request may take.
    pub limits: HttpLimits,
    /// Origins whose pages may read answers.
    pub cors_origins: CorsOrigins,
}

/// All routes.
pub const ROUTES: [Route; 59] = [
    Route::get("/openapi.json", Access::Public, || get(docs::document), docs::document_operation),
    Route::get("/docs", Access::Public, || get(docs::index), docs::index_operation),
    Route::get("/docs/", Access::Public, || get(docs::page), docs::page_operation),
    Route::get("/docs/{name}", Access::Public, || get(docs::show), docs::show_operation),
    Route::get("/healthz", Access::Public, || get(health::alive), health::alive_operation).for_operator(),
    Route::get("/readyz", Access::Public, || get(health::ready), health::ready_operation).for_operator(),
    Route::get("/metrics", Access::Public, || get(metrics::show), metrics::operation).for_operator(),
    Route::get("/api/v2/models", Access::Public, || get(models::list::list), models::list::operation),
    Route::get("/api/v2/models/{slug}", Access::Public, || get(models::show::show), models::show::operation),
    Route::post(
        "/api/v2/models/{slug}/calculate-price",
        Access::Public,
        || post(models::calculate_price::calculate_price),
        models::calculate_price::operation,
    ),
    Route::get("/api/v2/plans", Access::Public, || get(plans::list), plans::operation),
    Route::get("/api/v2/packages", Access::Public, || get(packages::list), packages::operation),
    Route::get("/api/v2/balance", Access::Key, || get(balance::show), balance::operation),
    Route::post(
        "/api/v2/auth/register",
        Access::Public,
        || post(auth::register).layer(words()),
        auth::register_operation,
    )
    .signing_in(),
    Route::post(
        "/api/v2/auth/login",
        Access::Public,
        || post(auth::log_in).layer(words()),
        auth::log_in_operation,
    )
    .signing_in(),
    Route::post(
        "/api/v2/auth/telegram",
        Access::Public,
        || post(auth::telegram).layer(words()),
        auth::telegram_operation,
    )
    .signing_in(),
    Route::post("/api/v2/auth/refresh", Access::Public, || post(auth::refresh), auth::refresh_operation)
        .signing_in(),
    Route::post("/api/v2/auth/logout", Access::Public, || post(auth::log_out), auth::log_out_operation)
        .signing_in(),
    Route::get("/api/v2/user/me", Access::Key, || get(user::me::show), user::me::show_operation),
    Route::patch("/api/v2/user/me", Access::Key, || patch(user::me::change), user::me::change_operation),
    Route::delete("/api/v2/user/me", Access::Key, || delete(user::me::erase), user::me::erase_operation),
    Route::get("/api/v2/user/balance", Access::Key, || get(user::balance::show), user::balance::operation),
    Route::get(
        "/api/v2/user/history",
        Access::AnyPlanKey,
        || get(user::history::list),
        user::history::operation,
    ),
    Route::get("/api/v2/user/stats", Access::AnyPlanKey, || get(user::stats::show), user::stats::operation),
    Route::post(
        "/api/v2/generate",
        Access::Key,
        || post(generate::create::create),
        generate::create::operation,
    )
    .reaching_vendor(),
    Route::post(
        "/api/v2/generate/stream",
        Access::Key,
        || post(generate::stream::stream),
        generate::stream::operation,
    )
    .reaching_vendor(),
    Route::get(
        "/api/v2/generate/{id}",
        Access::AnyPlanKey,
        || get(generate::show::show),
        generate::show::operation,
    ),
    Route::delete(
        "/api/v2/generate/{id}",
        Access::AnyPlanKey,
        || delete(generate::cancel::cancel),
        generate::cancel::operation,
    ),
    Route::post("/api/v2/stt", Access::Key, || post(stt::create).layer(form::body_limit()), stt::operation)
        .reaching_vendor(),
    Route::post(
        "/api/v2/files",
        Access::Key,
        || post(files::create).layer(form::body_limit()),
        files::create_operation,
    ),
    // Its name is what it takes to read a file, and nobody can guess it.
    Route::get("/api/v2/files/{name}", Access::Public, || get(files::show), files::show_operation)
        .ignoring_query(),
    Route::post(
        "/api/v2/callbacks/{token}",
        Access::Public,
        || post(callbacks::create),
        callbacks::operation,
    )
    .unlimited()
    .ignoring_query(),
    Route::get("/api/v2/keys", Access::Key, || get(keys::list), keys::list_operation),
    Route::post("/api/v2/keys", Access::Key, || post(keys::create), keys::create_operation),
    Route::delete("/api/v2/keys/{id}", Access::Key, || delete(keys::revoke), keys::revoke_operation),
    Route::get(
        "/api/v2/billing/subscription",
        Access::AnyPlanKey,
        || get(billing::subscription::show),
        billing::subscription::show_operation,
    ),
    Route::post(
        "/api/v2/billing/subscription",
        Access::AnyPlanKey,
        || post(billing::subscription::create),
        billing::subscription::create_operation,
    ),
    Route::delete(
        "/api/v2/billing/subscription",
        Access::AnyPlanKey,
        || delete(billing::subscription::cancel),
        billing::subscription::cancel_operation,
    ),
    Route::post(
        "/api/v2/billing/subscription/resume",
        Access::AnyPlanKey,
        || post(billing::subscription::resume),
        billing::subscription::resume_operation,
    ),
    Route::post(
        "/api/v2/billing/packages/{slug}",
        Access::AnyPlanKey,
        || post(billing::packages::create),
        billing::packages::operation,
    ),
    Route::get(
        "/api/v2/billing/payments",
        Access::AnyPlanKey,
        || get(billing::payments::list),
        billing::payments::operation,
    ),
    Route::get(
        "/api/v2/billing/ledger",
        Access::AnyPlanKey,
        || get(billing::ledger::list),
        billing::ledger::operation,
    ),
    // Whoever sends a message here is believed only as far as it proves itself, or as the service confirms.
    Route::post(
        "/api/v2/billing/notifications/yookassa",
        Access::Public,
        || post(billing::notifications::yookassa).layer(messages()),
        billing::notifications::yookassa_operation,
    )
    .unlimited()
    .ignoring_query(),
    Route::post(
        "/api/v2/billing/notifications/telegram",
        Access::Public,
        || post(billing::notifications::telegram).layer(messages()),
        billing::notifications::telegram_operation,
    )
    .unlimited()
    .ignoring_query(),
    Route::get("/api/v2/webhooks", Access::Key, || get(webhooks::list), webhooks::list_operation),
    Route::post("/api/v2/webhooks", Access::Key, || post(webhooks::create), webhooks::create_operation),
    Route::get("/api/v2/webhooks/secret", Access::Key, || get(webhooks::secret), webhooks::secret_operation),
    Route::get("/api/v2/webhooks/{id}", Access::Key, || get(webhooks::show), webhooks::show_operation),
    Route::patch(
        "/api/v2/webhooks/{id}",
        Access::Key,
        || patch(webhooks::change),
        webhooks::change_operation,
    ),
    Route::delete(
        "/api/v2/webhooks/{id}",
        Access::Key,
        || delete(webhooks::delete),
        webhooks::delete_operation,
    ),
    Route::post(
        "/api/v2/webhooks/{id}/rotate",
        Access::Key,
        || post(webhooks::rotate),
        webhooks::rotate_operation,
    ),
    Route::get(
        "/api/v2/webhooks/{id}/deliveries",
        Access::Key,
        || get(webhooks::deliveries::list),
        webhooks::deliveries::list_operation,
    ),
    Route::post(
        "/api/v2/webhooks/{id}/deliveries/{delivery_id}/redeliver",
        Access::Key,
        || post(webhooks::deliveries::redeliver),
        webhooks::deliveries::redeliver_operation,
    ),
    Route::get("/v1/models", Access::Key, || get(openai::models::list), openai::models::list_operation),
    Route::get(
        "/v1/models/{slug}",
        Access::Key,
        || get(openai::models::show),
        openai::models::show_operation,
    ),
    Route::post("/v1/chat/completions", Access::Key, || post(openai::chat::create), openai::chat::operation)
        .reaching_vendor(),
    Route::post(
        "/v1/images/generations",
        Access::Key,
        || post(openai::images::create),
        openai::images::operation,
    )
    .reaching_vendor(),
    Route::post("/v1/audio/speech", Access::Key, || post(openai::speech::create), openai::speech::operation)
        .reaching_vendor(),
    Route::post(
        "/v1/audio/transcriptions",
        Access::Key,
        || post(openai::transcriptions::create).layer(form::body_limit()),
        openai::transcriptions::operation,
    )
    .reaching_vendor(),
];

/// The whole API over `app`.
pub fn router(app: App, http: &HttpSettings) -> Router {
    crate::metrics::start();
    let address_limit = |per_minute| {
        let limit = AddressLimit::new(&app, http, per_minute);
        middleware::from_fn_with_state(limit, address_limit::layer)
    };
    let (public, sign_in) = (address_limit(http.public_per_minute), address_limit(http.sign_in_per_minute));
    let limits = middleware::from_fn_with_state(app.clone(), limits::layer);
    let no_query = middleware::from_fn(refuse_query);
    let router = ROUTES.iter().fold(Router::new(), |router, route| {
        let handler = (route.handler)();
        let handler = if route.takes_no_query() { handler.route_layer(no_query.clone()) } else { handler };
        let handler = if route.reaches_vendor { handler.route_layer(limits.clone()) } else { handler };
        let handler = match route.limit {
            Limit::None => handler,
            Limit::Public => handler.route_layer(public.clone()),
            Limit::SignIn => handler.route_layer(sign_in.clone()),
        };
        router.route(route.path, handler)
    });
    finished(router, app, http.limits, http.cors_origins.layer())
}

/// Refuses a query, for a route that takes none.
async fn refuse_query(query: QueryFields, request: Request, next: Next) -> Result<Response, ApiError> {
    query.finish()?;
    Ok(next.run(request).await)
}

/// The part of the API over `app` that is for whoever runs the service.
pub(crate) fn operations(app: App) -> Router {
    crate::metrics::start();
    let routes = ROUTES.iter().filter(|route| route.for_operator);
    let router = routes.fold(Router::new(), |router, route| router.route(route.path, (route.handler)()));
    finished(router, app, HttpLimits::default(), None)
}

/// With what stands around every route.
fn finished(router: Router<App>, app: App, limits: HttpLimits, cors: Option<CorsLayer>) -> Router {
    let router = router
        .fallback(async || ApiError::not_found("route"))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(DefaultBodyLimit::max(limits.max_body_bytes))
        .layer(Extension(limits))
        .layer(CatchPanicLayer::custom(|_| ApiError::panicked()));
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(middleware::from_fn(around)).with_state(app)
}

/// What is done around every request. (One layer, for each takes as long as what these do.)
async fn around(request: Request, next: Next) -> Response {
    let shaped = |request| wire::openai::error::shaped(request, next);
    let named = |request| request_id::named(request, shaped);
    crate::metrics::counted(request, named).await
}

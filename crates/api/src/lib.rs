//! The HTTP API: routes, authentication, wire types and errors over the use-cases of `app`. It holds no rules.

mod address;
mod address_limit;
mod cors;
mod error;
mod extract;
mod form;
mod http_limits;
mod idempotency;
mod json;
mod limits;
mod metrics;
mod openapi;
mod query;
mod request_id;
mod route;
mod router;
mod routes;
mod serve;
mod wire;

pub use address::TrustedProxies;
pub use cors::CorsOrigins;
pub use http_limits::HttpLimits;
pub use openapi::document;
pub use route::{Access, Limit, Route};
pub use router::{HttpSettings, ROUTES, router};
pub use serve::{serve, serve_operations};
pub use wire::generation::ended_generation;

//! The HTTP API: routes, authentication, wire types and errors over the use-cases of `app`. It holds no rules.

mod error;
mod extract;
mod form;
mod idempotency;
mod limits;
mod request_id;
mod router;
mod routes;
mod serve;
mod wire;

pub use router::{Access, ROUTES, Route, router};
pub use serve::serve;

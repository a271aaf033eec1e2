//! What is said of a route.

use crate::openapi::Operation;
use app::App;
use axum::routing::MethodRouter;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// The holder of a valid key, on a plan where keys work, and whoever has signed in.
    Key,
    /// The holder of a valid key on any plan, and whoever has signed in; the handler says what may be seen.
    AnyPlanKey,
}

/// How often one address may call a route, without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As often as it likes: there are other limits, or it is a machine that somebody has told of us.
    None,
    /// [`crate::HttpSettings::public_per_minute`], of all such routes together.
    Public,
    /// [`crate::HttpSettings::sign_in_per_minute`], of all such routes together.
    SignIn,
}

impl Limit {
    const fn of(access: Access) -> Self {
        match access {
            Access::Public => Self::Public,
            Access::Key | Access::AnyPlanKey => Self::None,
        }
    }
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// `GET`, `POST`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Its path, with parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// How often one address may.
    pub limit: Limit,
    /// Whether a vendor is called for it, which only happens under a hold.
    pub reaches_vendor: bool,
    /// Whether it is for whoever runs the service, and so answered by processes that serve nobody else too.
    pub for_operator: bool,
    /// Whether others may put what they like into its query, and it does not look.
    pub ignores_query: bool,
    pub(crate) handler: Handler,
    /// What it takes and answers, for the documentation.
    pub(crate) operation: Describe,
}

type Handler = fn() -> MethodRouter<App>;
type Describe = fn() -> Operation;

impl Route {
    const fn new(
        method: &'static str,
        path: &'static str,
        access: Access,
        handler: Handler,
        operation: Describe,
    ) -> Self {
        Self {
            method,
            path,
            access,
            limit: Limit::of(access),
            reaches_vendor: false,
            for_operator: false,
            ignores_query: false,
            handler,
            operation,
        }
    }

    pub(crate) const fn get(
        path: &'static str,
        access: Access,
        handler: Handler,
        operation: Describe,
    ) -> Self {
        Self::new("GET", path, access, handler, operation)
    }

    pub(crate) const fn delete(
        path: &'static str,
        access: Access,
        handler: Handler,
        operation: Describe,
    ) -> Self {
        Self::new("DELETE", path, access, handler, operation)
    }

    pub(crate) const fn post(
        path: &'static str,
        access: Access,
        handler: Handler,
        operation: Describe,
    ) -> Self {
        Self::new("POST", path, access, handler, operation)
    }

    pub(crate) const fn patch(
        path: &'static str,
        access: Access,
        handler: Handler,
        operation: Describe,
    ) -> Self {
        Self::new("PATCH", path, access, handler, operation)
    }

    /// Whether every field of a query is unknown to it.
    pub(crate) fn takes_no_query(&self) -> bool {
        self.path.starts_with("/api/v2/") && !self.ignores_query && !(self.operation)().has_query()
    }

    pub(crate) const fn unlimited(self) -> Self {
        Self { limit: Limit::None, ..self }
    }

    pub(crate) const fn for_operator(self) -> Self {
        Self { for_operator: true, ..self.unlimited() }
    }

    pub(crate) const fn signing_in(self) -> Self {
        Self { limit: Limit::SignIn, ..self }
    }

    pub(crate) const fn ignoring_query(self) -> Self {
        Self { ignores_query: true, ..self }
    }

    pub(crate) const fn reaching_vendor(self) -> Self {
        Self { reaches_vendor: true, ..self }
    }
}

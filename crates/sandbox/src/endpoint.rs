//! The course of one request to an endpoint that makes media, or that looks after jobs and files.

use crate::{
    deliver::deliver,
    fault::{Fault, Injection, Scope},
    form::Content,
    protocol::{Body, id, whole},
    reply::Reply,
    service::Service,
    trouble::Trouble,
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::MethodRouter,
};
use std::sync::Arc;

/// One endpoint of a vendor.
pub(crate) trait Endpoint: Send + Sync {
    /// What is asked for, checked.
    type Order: Send;

    /// What its requests are about.
    const SCOPE: Scope;

    /// Checks the headers, the key first of all.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble>;

    /// Reads the body and checks it as the vendor would.
    fn read(&self, content: Content) -> Result<Self::Order, Trouble>;

    /// The words in which a fault can be asked for.
    fn words<'a>(&self, _order: &'a Self::Order) -> &'a str {
        ""
    }

    /// The trouble that a fault is here, when the request itself is to be answered with it.
    fn trouble(&self, fault: Fault) -> Option<Trouble> {
        fault.trouble()
    }

    /// Does what is asked for.
    fn answer(&self, call: &mut Call<Self::Order>) -> impl Future<Output = Reply> + Send;

    /// Puts an error into the vendor's form.
    fn error(&self, trouble: &Trouble, id: &str) -> Reply;
}

/// A request that was found right.
pub(crate) struct Call<O> {
    /// Where it arrived.
    pub(crate) service: Arc<Service>,
    /// Names the request: 24 hexadecimal digits, which grow from one to the next.
    pub(crate) id: String,
    /// What is asked for.
    pub(crate) order: O,
    /// What is to go wrong. An answer takes it when it is in it; what is left happens to the answer on its way.
    pub(crate) fault: Option<Fault>,
}

impl<O> Call<O> {
    /// What is to go wrong with the job or its result, which are not in the answer.
    pub(crate) fn take_result_fault(&mut self) -> Option<Fault> {
        self.fault.take_if(|fault| fault.is_of_result() || *fault == Fault::Refuse)
    }
}

/// The handler of an endpoint whose path says nothing more.
pub(crate) fn post<E: Endpoint + Copy + 'static>(endpoint: E) -> MethodRouter<Arc<Service>> {
    axum::routing::post(move |service: State<Arc<Service>>, headers: HeaderMap, body: Body| async move {
        serve(service, &endpoint, &headers, body).await
    })
}

/// Answers one request. Only one that the vendor would have answered meets a fault, so a wrong request stays visible.
pub(crate) async fn serve<E: Endpoint>(
    State(service): State<Arc<Service>>,
    endpoint: &E,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let id = id(service.count_request());
    let order = match read(endpoint, headers, body).await {
        Ok(order) => order,
        Err(trouble) => return deliver(&service, endpoint.error(&trouble, &id), Injection::default()).await,
    };
    let injection = service.take_injection(endpoint.words(&order), E::SCOPE);
    if injection != Injection::default() {
        tracing::debug!(service = service.name, ?injection, "fault injected");
    }
    let mut call = Call { service: Arc::clone(&service), id, order, fault: injection.fault };
    let reply = match injection.fault {
        Some(Fault::ErrorIn200) => endpoint.error(&Trouble::Internal, &call.id).with_status(StatusCode::OK),
        fault => match fault.and_then(|fault| endpoint.trouble(fault)) {
            Some(trouble) => endpoint.error(&trouble, &call.id),
            None => endpoint.answer(&mut call).await,
        },
    };
    deliver(&service, reply, Injection { fault: call.fault, ..injection }).await
}

async fn read<E: Endpoint>(endpoint: &E, headers: &HeaderMap, body: Body) -> Result<E::Order, Trouble> {
    endpoint.admit(headers)?;
    endpoint.read(Content::read(headers, whole(body)?).await?)
}

//! The course of one request, which is the same for all vendors.

use crate::{
    answer::{Answer, Ask},
    deliver::deliver,
    fault::{Fault, Injection, Scope},
    reply::Reply,
    service::Service,
    trouble::Trouble,
};
use axum::{
    Router,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::MethodRouter,
};
use bytes::Bytes;
use std::sync::Arc;

/// One endpoint of a vendor: what it takes and what it says. Pure: sending, and breaking what is sent, is done elsewhere.
pub(crate) trait Protocol: Send + Sync {
    /// Checks the headers, the key first of all.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble>;

    /// Reads the body and checks it as the vendor would.
    fn read(&self, body: &[u8]) -> Result<Ask, Trouble>;

    /// Puts an answer into the vendor's form: frames when the request wants a stream, a whole body when not.
    fn answer(&self, turn: &Turn) -> Reply;

    /// Puts an error into the vendor's form.
    fn error(&self, trouble: &Trouble, id: &str) -> Reply;
}

/// A question and its answer.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Names the request: 24 hexadecimal digits.
    pub(crate) id: String,
    /// The question.
    pub(crate) ask: Ask,
    /// The answer.
    pub(crate) answer: Answer,
    /// How it ends.
    pub(crate) ending: Ending,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With all its words.
    Whole,
    /// In a refusal of the content.
    Refused,
    /// In an error, although the status was 200.
    Broken,
}

impl Turn {
    /// Tokens of the answer with its thinking.
    pub(crate) fn all_output_words(&self) -> usize {
        self.answer.words.saturating_add(self.answer.thinking_words)
    }
}

/// The route of an endpoint that takes POST.
pub(crate) fn post<P: Protocol + Copy + 'static>(protocol: P) -> MethodRouter<Arc<Service>> {
    axum::routing::post(move |service: State<Arc<Service>>, headers: HeaderMap, body: Body| async move {
        serve(&service, &protocol, &headers, body).await
    })
}

/// Gives the vendor's own errors for paths and methods that it does not know.
pub(crate) fn with_fallbacks(
    router: Router<Arc<Service>>,
    error: fn(&Trouble, &str) -> Reply,
) -> Router<Arc<Service>> {
    let refuse = move |trouble: Trouble| {
        move |service: State<Arc<Service>>| async move {
            let reply = error(&trouble, &id(service.count_request()));
            deliver(&service, reply, Injection::default()).await
        }
    };
    router.method_not_allowed_fallback(refuse(Trouble::WrongMethod)).fallback(refuse(Trouble::NoRoute))
}

/// A body as axum gives it, or why it could not be read.
pub(crate) type Body = Result<Bytes, BytesRejection>;

/// Answers one request. Only one that the vendor would have answered meets a fault, so a wrong request stays visible.
pub(crate) async fn serve(
    service: &Service,
    protocol: &impl Protocol,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let id = id(service.count_request());
    let ask = protocol.admit(headers).and_then(|()| protocol.read(&whole(body)?));
    let (reply, injection) = match ask {
        Err(trouble) => (protocol.error(&trouble, &id), Injection::default()),
        Ok(ask) => {
            let injection = service.take_injection(&ask.prompt, Scope::Answer);
            (reply(protocol, id, ask, injection.fault), injection)
        }
    };
    if injection != Injection::default() {
        tracing::debug!(service = service.name, ?injection, "fault injected");
    }
    deliver(service, reply, injection).await
}

/// The bytes of a body.
pub(crate) fn whole(body: Body) -> Result<Bytes, Trouble> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Trouble::TooLarge,
        _ => Trouble::NotJson(rejection.body_text()),
    })
}

fn reply(protocol: &impl Protocol, id: String, ask: Ask, fault: Option<Fault>) -> Reply {
    let ending = match fault {
        // A text vendor says no in its own way, often with an answer.
        Some(Fault::Refuse) => Ending::Refused,
        Some(Fault::ErrorIn200) => Ending::Broken,
        fault => match fault.and_then(Fault::trouble) {
            Some(trouble) => return protocol.error(&trouble, &id),
            None => Ending::Whole,
        },
    };
    let answer = Answer::to(&ask);
    protocol.answer(&Turn { id, ask, answer, ending })
}

/// The vendor's name for a request follows from its number, so that a test sees the same one each time.
pub(crate) fn id(number: u64) -> String {
    format!("{number:024x}")
}

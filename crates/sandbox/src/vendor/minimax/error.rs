//! What MiniMax says when something is wrong: HTTP 200 and a code, but for what its gateway says.

use crate::{reply::Reply, trouble::Trouble};
use axum::http::StatusCode;
use serde_json::json;

/// Any trouble as a reply.
pub(super) fn error(trouble: &Trouble, id: &str) -> Reply {
    let (code, message) = match trouble {
        Trouble::NoRoute => return gateway(StatusCode::NOT_FOUND, "404 page not found"),
        Trouble::WrongMethod => return gateway(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed"),
        Trouble::TooLarge => return gateway(StatusCode::PAYLOAD_TOO_LARGE, "413 request too large"),
        Trouble::Invalid(invalid) => (2013, format!("invalid params, {invalid}")),
        Trouble::NotJson(why) => (2013, format!("invalid params, {why}")),
        Trouble::UnknownModel(model) => (2013, format!("invalid params, model {model} not exist")),
        trouble => {
            let (code, message) = classify(trouble);
            (code, message.to_owned())
        }
    };
    let body = json!({
        "data": null,
        "trace_id": id,
        "base_resp": {"status_code": code, "status_msg": message},
    });
    Reply::json(StatusCode::OK, &body)
}

fn gateway(status: StatusCode, message: &str) -> Reply {
    Reply::text(message.to_owned()).with_status(status)
}

const fn classify(trouble: &Trouble) -> (u16, &'static str) {
    match trouble {
        Trouble::NoKey => (
            1004,
            "login fail: Please carry the API secret key in the 'Authorization' field of the request header",
        ),
        Trouble::BadKey => (1004, "login fail: the API secret key is wrong"),
        Trouble::RateLimited => (1002, "rate limit exceeded"),
        Trouble::Quota => (1008, "insufficient balance"),
        Trouble::Overloaded => (1041, "connection limit, please try again later"),
        Trouble::Refused => (1026, "input new_sensitive"),
        _ => (1000, "unknown error"),
    }
}

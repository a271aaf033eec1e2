//! What Google says when something is wrong: a `google.rpc.Status` in JSON.

use crate::trouble::{Invalid, Trouble, Why};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// The status and the body.
pub(super) fn error(trouble: &Trouble) -> (StatusCode, Value) {
    let (status, name) = classify(trouble);
    let mut error = json!({"code": status.as_u16(), "message": message(trouble), "status": name});
    let details = details(trouble);
    if let (false, Some(map)) = (details.is_empty(), error.as_object_mut()) {
        map.insert("details".to_owned(), json!(details));
    }
    (status, json!({"error": error}))
}

fn classify(trouble: &Trouble) -> (StatusCode, &'static str) {
    match trouble {
        Trouble::NoKey => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
        Trouble::BadKey | Trouble::NotJson(_) | Trouble::Invalid(_) | Trouble::Refused => {
            (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT")
        }
        Trouble::NoRoute | Trouble::UnknownModel(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Trouble::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "UNIMPLEMENTED"),
        Trouble::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "INVALID_ARGUMENT"),
        Trouble::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED"),
        Trouble::Quota => (StatusCode::PAYMENT_REQUIRED, "RESOURCE_EXHAUSTED"),
        Trouble::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Trouble::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
    }
}

fn details(trouble: &Trouble) -> Vec<Value> {
    match trouble {
        Trouble::BadKey => vec![json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        })],
        Trouble::RateLimited => vec![
            json!({
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{
                    "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
                    "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
                }],
            }),
            json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}),
        ],
        _ => Vec::new(),
    }
}

fn message(trouble: &Trouble) -> String {
    let fixed = match trouble {
        Trouble::Invalid(invalid) => return invalid_message(invalid),
        Trouble::NotJson(why) => return format!("Invalid JSON payload received. {why}"),
        Trouble::UnknownModel(model) => {
            return format!("models/{model} is not found, or is not supported for generateContent.");
        }
        Trouble::NoKey => "Method doesn't allow unregistered callers. Please use an API key.",
        Trouble::BadKey => "API key not valid. Please pass a valid API key.",
        Trouble::NoRoute => "The requested URL was not found on this server.",
        Trouble::WrongMethod => "The method is not allowed for this URL.",
        Trouble::TooLarge => "Request payload size exceeds the limit.",
        Trouble::RateLimited => "You exceeded your current quota. Please retry in 1s.",
        Trouble::Quota => "Your prepayment credits are depleted.",
        Trouble::Overloaded => "The model is overloaded. Please try again later.",
        Trouble::Internal => "An internal error has occurred.",
        Trouble::Refused => "The request was blocked.",
    };
    fixed.to_owned()
}

fn invalid_message(invalid: &Invalid) -> String {
    let field = &invalid.field;
    match &invalid.why {
        Why::Missing | Why::Empty => format!("* GenerateContentRequest.{field}: {field} is not specified"),
        Why::Unknown => {
            let (at, name) = field.rsplit_once('.').unwrap_or(("", field));
            format!("Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field.")
        }
        Why::NotOneOf { allowed, .. } if field.ends_with("role") => {
            format!("Please use a valid role: {}.", allowed.join(", "))
        }
        _ => invalid.to_string(),
    }
}

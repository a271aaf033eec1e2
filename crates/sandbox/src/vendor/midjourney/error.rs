//! What the proxy says when something is wrong, and the gateway before it.

use crate::{reply::Reply, trouble::Trouble};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Any trouble as a reply.
pub(super) fn error(trouble: &Trouble, id: &str) -> Reply {
    match trouble {
        Trouble::NoKey | Trouble::BadKey => Reply::empty(StatusCode::UNAUTHORIZED),
        Trouble::NoRoute => spring(StatusCode::NOT_FOUND, "Not Found"),
        Trouble::WrongMethod => spring(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
        Trouble::TooLarge => spring(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large"),
        Trouble::Invalid(invalid) => refused(4, &invalid.to_string(), None, json!({})),
        Trouble::NotJson(why) => refused(4, why, None, json!({})),
        Trouble::UnknownModel(_) => refused(4, "参数错误", None, json!({})),
        // The id leads nowhere: the task will not run.
        Trouble::Overloaded => refused(23, "队列已满，请稍后尝试", Some(&super::task::id(id)), json!({})),
        Trouble::Refused => {
            let properties = json!({"promptEn": "a banned prompt", "bannedWord": "banned"});
            refused(24, "可能包含敏感词", None, properties)
        }
        Trouble::Internal => {
            refused(9, "系统异常", None, json!({})).with_status(StatusCode::INTERNAL_SERVER_ERROR)
        }
        Trouble::RateLimited => {
            gateway(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", "Too many requests.")
        }
        Trouble::Quota => gateway(
            StatusCode::FORBIDDEN,
            "insufficient_user_quota",
            "The quota of this account is exhausted.",
        ),
    }
}

/// A task that is not there, when something is to be done to it.
pub(super) fn no_task() -> Reply {
    refused(3, "关联任务不存在或已失效", None, json!({}))
}

fn refused(code: u8, description: &str, result: Option<&str>, properties: Value) -> Reply {
    let body = json!({"code": code, "description": description, "result": result, "properties": properties});
    Reply::json(StatusCode::OK, &body)
}

fn gateway(status: StatusCode, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"message": message, "type": "upstream_error", "code": code}}))
}

fn spring(status: StatusCode, error: &str) -> Reply {
    Reply::json(status, &json!({"status": status.as_u16(), "error": error, "path": "/mj"}))
}

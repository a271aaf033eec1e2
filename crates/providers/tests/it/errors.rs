//! What adapters understand of errors: the vendors' tables.

use crate::subject::{SUBJECTS, Subject};
use domain::port::ProviderErrorKind::{self, *};
use http::StatusCode;
use providers::Response;

type Case = (u16, &'static str, ProviderErrorKind);

const OPENAI: &[Case] = &[
    (401, "bad_key", BadKey),
    (403, "region", BadKey),
    (429, "quota", QuotaExhausted),
    (429, "spend_limit", QuotaExhausted),
    (429, "rate_limit", RateLimited),
    (429, "slow_down", RateLimited),
    (503, "overloaded", Overloaded),
    (500, "server_error", Overloaded),
    (400, "policy", ContentRefused),
    (400, "flagged", ContentRefused),
    (400, "model_gone", ModelGone),
    (404, "model_gone", ModelGone),
    (400, "unsupported", RejectedRequest),
    (400, "context", RejectedRequest),
];

const ANTHROPIC: &[Case] = &[
    (400, "bad_request", RejectedRequest),
    (400, "filtered", ContentRefused),
    (400, "credit", QuotaExhausted),
    (401, "bad_key", BadKey),
    (402, "billing", QuotaExhausted),
    (403, "permission", BadKey),
    (404, "model_gone", ModelGone),
    (409, "conflict", Overloaded),
    (413, "too_large", RejectedRequest),
    (429, "rate_limit", RateLimited),
    (429, "spend_limit", QuotaExhausted),
    (500, "api_error", Overloaded),
    (504, "timeout", Overloaded),
    (529, "overloaded", Overloaded),
];

const GOOGLE: &[Case] = &[
    (400, "bad_key", BadKey),
    (400, "bad_request", RejectedRequest),
    (400, "precondition", BadKey),
    (402, "prepaid", QuotaExhausted),
    (403, "permission", BadKey),
    (404, "model_gone", ModelGone),
    (429, "rate_limit", RateLimited),
    (429, "day_quota", QuotaExhausted),
    (500, "internal", Overloaded),
    (503, "unavailable", Overloaded),
    (504, "deadline", Overloaded),
];

const DEEPSEEK: &[Case] = &[
    (400, "bad_request", RejectedRequest),
    (400, "content_risk", ContentRefused),
    (400, "model_gone", ModelGone),
    (401, "bad_key", BadKey),
    (402, "balance", QuotaExhausted),
    (422, "bad_param", RejectedRequest),
    (429, "rate_limit", RateLimited),
    (500, "server_error", Overloaded),
    (503, "overloaded", Overloaded),
];

const XAI: &[Case] = &[
    (400, "bad_key", BadKey),
    (400, "bad_argument", RejectedRequest),
    (400, "model_not_found", ModelGone),
    (401, "unauthenticated", BadKey),
    (403, "permission", BadKey),
    (403, "refused", ContentRefused),
    (404, "model_gone", ModelGone),
    (422, "wrong_form", RejectedRequest),
    (429, "credits", QuotaExhausted),
    (429, "rate_limit", RateLimited),
    (429, "rate_limit_gateway", RateLimited),
    (500, "server_error", Overloaded),
];

/// Every documented error of every vendor.
pub const TABLES: [(&str, &[Case]); 5] =
    [("openai", OPENAI), ("anthropic", ANTHROPIC), ("google", GOOGLE), ("deepseek", DEEPSEEK), ("xai", XAI)];

#[test]
fn documented_errors_are_told_apart() {
    for (name, cases) in TABLES {
        let subject = Subject::named(name);
        for (status, file, kind) in cases {
            let error =
                subject.adapter().decode_error(&subject.response(*status, &format!("errors/{file}.json")));
            assert_eq!(error.kind, *kind, "{name} {status} {file}: {}", error.message);
            assert!(error.message.starts_with(&format!("HTTP {status}: ")), "{}", error.message);
        }
    }
}

/// Proxies and load balancers on the way know nothing of a vendor's errors.
#[test]
fn statuses_speak_where_bodies_do_not() {
    let check = |status: u16, kind: ProviderErrorKind| {
        for subject in &SUBJECTS {
            for body in
                ["", "<html>no</html>", "{}", "[]", r#"{"error":null}"#, r#"{"error":[{"details":{}}]}"#]
            {
                let status = StatusCode::from_u16(status).unwrap();
                let response = Response { status, body: body.as_bytes().to_vec() };
                assert_eq!(
                    subject.adapter().decode_error(&response).kind,
                    kind,
                    "{} {status} {body}",
                    subject.name
                );
            }
        }
    };
    check(302, BadResponse);
    check(400, RejectedRequest);
    check(401, BadKey);
    check(402, QuotaExhausted);
    check(404, ModelGone);
    check(408, Timeout);
    check(422, RejectedRequest);
    check(429, RateLimited);
    check(500, Overloaded);
    check(502, Overloaded);
    check(529, Overloaded);
}

#[test]
fn google_says_in_the_body_when_to_come_back() {
    let check = |file: &str, retry_after_ms: Option<i64>| {
        let subject = Subject::named("google");
        let error = subject.adapter().decode_error(&subject.response(429, file));
        assert_eq!(error.retry_after_ms, retry_after_ms, "{file}");
    };
    check("errors/rate_limit.json", Some(2));
    check("errors/rate_limit_long.json", Some(34_075));
    check("errors/unavailable.json", None);
}

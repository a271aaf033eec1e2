//! Every code that an error can bear, said once.

use super::operation::named;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// An error that a route can answer with.
struct ErrorCase {
    status: u16,
    code: &'static str,
    /// When it comes.
    when: &'static str,
    message: &'static str,
    details: fn() -> Value,
}

fn nothing() -> Value {
    json!({})
}

const fn case(status: u16, code: &'static str, when: &'static str, message: &'static str) -> ErrorCase {
    ErrorCase { status, code, when, message, details: nothing }
}

impl ErrorCase {
    const fn saying(self, details: fn() -> Value) -> Self {
        Self { details, ..self }
    }

    /// As it goes over the wire.
    fn example(&self) -> Value {
        json!({ "error": self.code, "message": self.message, "details": (self.details)() })
    }
}

/// All there are, by status.
const CASES: [ErrorCase; 21] = [
    case(400, "bad_request", "The body is no JSON, or no form, as it should be.", "the body must be a JSON object"),
    case(
        401,
        "not_authenticated",
        "There is no key or access token, or it is not valid (any more).",
        "a valid API key is needed: Authorization: Bearer nb_…",
    ),
    case(401, "token_expired", "The access token is past its 15 minutes.", "the access token has expired"),
    case(
        402,
        "insufficient_tokens",
        "The balance, or what is left of the key's budget (`scope` is then `key`), does not cover the price.",
        "the balance of 3 tokens does not cover the price of 13",
    )
    .saying(|| json!({ "required": 13, "available": 3 })),
    case(
        403,
        "insufficient_plan",
        "The account's plan does not cover the model, or keys.",
        "this needs plan vip; the account is on basic",
    )
    .saying(|| json!({ "required_plan": "vip", "plan": "basic" })),
    case(
        403,
        "limited_key",
        "A key that has a budget or an end cannot do this.",
        "a key that has a budget or expires makes no keys, and revokes no other",
    ),
    case(404, "not_found", "There is nothing of that name, or it is somebody else's.", "there is no such model"),
    case(405, "method_not_allowed", "The path does not take this method.", "this path does not take this method"),
    case(
        409,
        "idempotency_conflict",
        "Another request was made with this `Idempotency-Key`.",
        "another request was made with this Idempotency-Key",
    ),
    case(
        409,
        "not_cancellable",
        "The generation has ended already, or some of its text has been told.",
        "the generation has ended already, or some of its text has been told",
    ),
    case(
        409,
        "canceled",
        "The generation was canceled while this request waited for it; nothing was charged.",
        "the generation was canceled; nothing was charged",
    )
    .saying(|| json!({ "generation_id": 18473 })),
    case(413, "payload_too_large", "The body is over its limit.", "the body is over the limit of 16 MiB"),
    case(
        416,
        "range_not_satisfiable",
        "The range lies outside the file.",
        "the file has 512 bytes, and none of them is in the range",
    ),
    case(422, "validation_error", "Fields are wrong: every one of them is named.", "the request has wrong fields")
        .saying(|| {
            json!({ "fields": [
                { "field": "size", "message": "is not known", "allowed": ["1024x1024", "1024x1792", "1792x1024"] },
            ]})
        }),
    case(
        422,
        "content_refused",
        "The vendor refused the content; it is not worth a repeat, and nothing was charged.",
        "the vendor refused the content; nothing was charged",
    )
    .saying(|| json!({ "generation_id": 18473 })),
    case(
        429,
        "rate_limit_exceeded",
        "The plan's limit, the limit of an address, or that on an account's streams (`scope` is then `streams`), is reached; see \
         `Retry-After`.",
        "the plan's limit of 100 generations is reached",
    ),
    case(500, "provider_error", "The vendor failed, after repeats; nothing was charged.", "openai failed (timeout); nothing was charged")
        .saying(|| json!({ "provider": "openai", "kind": "timeout", "generation_id": 18473 })),
    case(500, "internal_error", "A fault of ours; the message is the request's id.", "3f9c2a41b7d08e65"),
    case(
        503,
        "model_unavailable",
        "The model cannot be used now; `Retry-After` where it is known when.",
        "dall-e-3 is not available: the vendor no longer serves it",
    ),
    case(
        503,
        "overloaded",
        "We cannot take it now, or were stopped meanwhile; see `Retry-After`. Without that, see what became of the generation first.",
        "the service cannot take this now; try again shortly",
    ),
    case(
        504,
        "timeout",
        "The result did not come in time; the generation was canceled, and nothing was charged.",
        "the result did not come in time; the generation was canceled, and nothing was charged",
    )
    .saying(|| json!({ "generation_id": 18473 })),
];

/// The answers to errors, each of which stands once in the document, however many routes give it.
#[derive(Default)]
pub(super) struct Refusals {
    answers: Map<String, Value>,
}

impl Refusals {
    /// Refers to the answers with these codes, by their statuses; in the shape of OpenAI's face, or in ours.
    pub(super) fn refer(&mut self, codes: &[&'static str], is_openai: bool) -> Vec<(u16, Value)> {
        let mut by_status: BTreeMap<u16, Vec<&ErrorCase>> = BTreeMap::new();
        for case in CASES.iter().filter(|case| codes.contains(&case.code)) {
            // To OpenAI, what is wrong with a request is wrong in one way.
            let status = if is_openai && case.status == 422 { 400 } else { case.status };
            by_status.entry(status).or_default().push(case);
        }
        let refer = |(status, cases): (u16, Vec<&ErrorCase>)| {
            let codes: Vec<&str> = cases.iter().map(|case| case.code).collect();
            let name = format!("{}{status}-{}", if is_openai { "openai-" } else { "" }, codes.join("-"));
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            self.answers.entry(name).or_insert_with(|| answer(&cases, is_openai));
            (status, reference)
        };
        by_status.into_iter().map(refer).collect()
    }

    /// Those that were referred to, by their names.
    pub(super) fn into_answers(self) -> Map<String, Value> {
        self.answers
    }
}

fn answer(cases: &[&ErrorCase], is_openai: bool) -> Value {
    let about: Vec<String> = cases.iter().map(|case| format!("`{}`: {}", case.code, case.when)).collect();
    let media = if is_openai {
        json!({ "schema": { "$ref": "#/components/schemas/OpenAiError" } })
    } else {
        let codes: Vec<&str> = cases.iter().map(|case| case.code).collect();
        let example = |code: &str| json!({ "$ref": format!("#/components/examples/{code}") });
        let examples: Map<String, Value> =
            codes.iter().map(|code| ((*code).to_owned(), example(code))).collect();
        let schema = json!({ "allOf": [
            { "$ref": "#/components/schemas/Error" },
            { "properties": { "error": { "enum": codes } } },
        ]});
        json!({ "schema": schema, "examples": examples })
    };
    named(json!({ "description": about.join("\n\n"), "content": { "application/json": media } }))
}

/// An example of every code, by the code.
pub(super) fn examples() -> Map<String, Value> {
    CASES.iter().map(|case| (case.code.to_owned(), json!({ "value": case.example() }))).collect()
}

//! Requests made by chance, over the whole service: each is answered, none by a failure of ours, and nobody is charged.
//! `cargo xtask fuzz` tries many more of them.

mod cases;

use crate::media::TONE;
use cases::{bytes, damage, damaged, encoded, header, object, slug, value};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};
use testkit::{Account, Backend, Service, TestDatabase, WEBHOOK_SECRET, send};
use tokio::runtime::Runtime;

/// Cases of each property, unless the environment says how many.
const CASES: u32 = 48;

/// A service that is asked, by an account that has nothing to spend.
struct Asked {
    service: Service,
    account: Account,
    _database: TestDatabase,
}

impl Asked {
    async fn new() -> Self {
        let database = testkit::database(Backend::Sqlite).await.unwrap();
        let service = Service::start(&database).await;
        let account = service.account_with(0).await;
        Self { service, account, _database: database }
    }

    fn posting(&self, path: &str, body: Vec<u8>) -> RequestBuilder {
        let request = self.service.request(Method::POST, path, &self.account.key);
        request.header("content-type", "application/json").body(body)
    }
}

/// Sends what `ask` makes of each case, and holds the answer against what the API's document announces.
fn check<S: Strategy>(cases: S, ask: impl Fn(&Asked, S::Value) -> RequestBuilder) {
    let runtime = Runtime::new().unwrap();
    let asked = runtime.block_on(Asked::new());
    let default = ProptestConfig::default();
    let count = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { CASES };
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, cases: count, ..default });
    let result = runner.run(&cases, |case| {
        let reply = runtime.block_on(send(ask(&asked, case)));
        prop_assert!(reply.status < 500, "{reply:?}");
        if reply.status >= 400 && !reply.bytes.is_empty() {
            prop_assert!(
                reply.json()["error"].is_string() || reply.json()["error"]["code"].is_string(),
                "{reply:?}"
            );
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    runtime.block_on(async {
        assert_eq!(asked.service.calls().await, 0);
        let wallet = asked.service.wallet(&asked.account).await;
        let held =
            (wallet.plan_available, wallet.permanent_available, wallet.plan_held, wallet.permanent_held);
        assert_eq!(held, (0, 0, 0, 0));
        asked.service.assert_verifies().await;
    });
}

#[test]
fn odd_parameters_have_a_price_or_are_refused() {
    check((slug(), object(), value()), |asked, (slug, params, count)| {
        let body = json!({ "params": params, "count": count });
        asked.posting(&format!("/api/v2/models/{slug}/calculate-price"), body.to_string().into())
    });
}

#[test]
fn odd_generations() {
    let path = select(vec![
        "/api/v2/generate",
        "/api/v2/generate/stream",
        "/v1/images/generations",
        "/v1/audio/speech",
    ]);
    check((path, slug(), object(), value()), |asked, (path, slug, mut body, messages)| {
        body.insert("model".to_owned(), json!(slug));
        if slug == "gpt-5" {
            body.insert("messages".to_owned(), messages);
        }
        asked.posting(path, Value::Object(body).to_string().into())
    });
}

#[test]
fn odd_conversations() {
    let message = (select(vec!["user", "assistant", "tool", "developer", "system"]), value(), object());
    check((vec(message, 0..4), object()), |asked, (messages, mut body)| {
        let message = |(role, content, mut more): (&str, Value, Map<String, Value>)| {
            more.insert("role".to_owned(), json!(role));
            more.insert("content".to_owned(), content);
            Value::Object(more)
        };
        body.insert("model".to_owned(), json!("gpt-5"));
        body.insert("messages".to_owned(), messages.into_iter().map(message).collect());
        asked.posting("/v1/chat/completions", Value::Object(body).to_string().into())
    });
}

#[test]
fn odd_bodies_of_every_kind() {
    let path = select(vec![
        "/api/v2/generate",
        "/api/v2/keys",
        "/api/v2/webhooks",
        "/api/v2/billing/subscription",
        "/api/v2/billing/packages/light",
        "/api/v2/auth/register",
        "/api/v2/auth/login",
        "/api/v2/auth/telegram",
        "/api/v2/auth/refresh",
        "/api/v2/auth/logout",
        "/v1/chat/completions",
    ]);
    let body = prop_oneof![bytes(), object().prop_map(|body| Value::Object(body).to_string().into_bytes())];
    check((path, body), |asked, (path, body)| asked.posting(path, body));
}

#[test]
fn odd_forms() {
    let path = select(vec![
        ("/api/v2/files", "file"),
        ("/api/v2/stt", "audio"),
        ("/v1/audio/transcriptions", "file"),
    ]);
    let content_type = prop_oneof![
        9 => Just("multipart/form-data; boundary=x".to_owned()),
        1 => "multipart/form-data; boundary=[!-~]{0,80}",
    ];
    let parts =
        vec((select(vec!["model", "language", "diarize", "prompt", "file", "audio", ""]), bytes()), 0..4);
    check((path, content_type, parts, damage()), |asked, ((path, file), content_type, parts, damage)| {
        let mut body = Vec::new();
        for (name, content) in parts {
            body.extend(format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
            body.extend(content);
            body.extend(b"\r\n");
        }
        let head = format!("--x\r\nContent-Disposition: form-data; name=\"{file}\"; filename=\"a\"\r\n\r\n");
        body.extend([head.as_bytes(), &TONE[..2_000], b"\r\n--x--\r\n"].concat());
        let request = asked.service.request(Method::POST, path, &asked.account.key);
        request.header("content-type", content_type).body(damaged(body, &damage))
    });
}

const NOTIFICATIONS: [(&str, &[u8]); 6] = [
    ("yookassa", include_bytes!("../../../payments/tests/fixtures/yookassa/notification_succeeded.json")),
    ("yookassa", include_bytes!("../../../payments/tests/fixtures/yookassa/notification_refund.json")),
    ("telegram", include_bytes!("../../../payments/tests/fixtures/telegram/paid_once.json")),
    ("telegram", include_bytes!("../../../payments/tests/fixtures/telegram/paid_renewal.json")),
    ("telegram", include_bytes!("../../../payments/tests/fixtures/telegram/pre_checkout.json")),
    ("telegram", include_bytes!("../../../payments/tests/fixtures/telegram/refunded.json")),
];

#[test]
fn odd_notifications() {
    let body = prop_oneof![
        2 => (select(NOTIFICATIONS.to_vec()), damage())
            .prop_map(|((service, body), damage)| (service, damaged(body.to_vec(), &damage))),
        1 => (select(vec!["yookassa", "telegram"]), object())
            .prop_map(|(service, body)| (service, Value::Object(body).to_string().into_bytes())),
        1 => (select(vec!["yookassa", "telegram"]), bytes()),
    ];
    check((body, prop::bool::weighted(0.9)), |asked, ((service, body), is_proven)| {
        let proof = if is_proven { WEBHOOK_SECRET } else { "another" };
        let path = format!("/api/v2/billing/notifications/{service}");
        asked.posting(&path, body).header("X-Telegram-Bot-Api-Secret-Token", proof)
    });
}

#[test]
fn odd_callbacks() {
    let token = prop_oneof!["[!-~]{1,60}", "[a-z0-9]{40}\\.(replicate|luma|midjourney|openai)"];
    let headers = vec((select(vec!["webhook-id", "webhook-timestamp", "webhook-signature"]), header()), 0..4);
    check((token, headers, bytes()), |asked, (token, headers, body)| {
        let path = format!("/api/v2/callbacks/{}", encoded(&token));
        let request = asked.service.request(Method::POST, &path, "");
        headers.into_iter().fold(request.body(body), |request, (name, value)| request.header(name, value))
    });
}

#[test]
fn odd_headers() {
    let name = select(vec![
        "authorization",
        "idempotency-key",
        "range",
        "if-range",
        "if-none-match",
        "prefer",
        "x-request-id",
        "x-forwarded-for",
        "origin",
        "accept",
        "accept-encoding",
        "cookie",
        "content-type",
        "content-encoding",
        "expect",
        "te",
        "upgrade",
    ]);
    let path = select(vec![
        (Method::GET, "/api/v2/balance"),
        (Method::GET, "/api/v2/models"),
        (Method::GET, "/api/v2/generate/1"),
        (Method::GET, "/api/v2/files/nothing.png"),
        (Method::GET, "/api/v2/user/history"),
        (Method::POST, "/api/v2/generate"),
        (Method::POST, "/api/v2/auth/refresh"),
        (Method::POST, "/api/v2/billing/packages/light"),
        (Method::GET, "/v1/models"),
    ]);
    check((path, vec((name, header()), 1..5)), |asked, ((method, path), headers)| {
        let request = asked.service.request(method.clone(), path, &asked.account.key);
        let request = if method == Method::POST {
            request.body("{\"model\":\"gpt-5\",\"prompt\":\"hi\"}")
        } else {
            request
        };
        headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
    });
}

#[test]
fn odd_queries() {
    let path = select(vec![
        "/api/v2/user/history",
        "/api/v2/user/stats",
        "/api/v2/billing/ledger",
        "/api/v2/billing/payments",
        "/api/v2/models",
        "/api/v2/webhooks/1/deliveries",
        "/api/v2/keys",
    ]);
    let name = prop_oneof![
        9 => select(vec![
            "page", "limit", "before", "from", "to", "format", "type", "model", "status", "category", "provider",
        ]).prop_map(str::to_owned),
        1 => ".{0,8}",
    ];
    let known = select(vec![
        "1",
        "100",
        "2026-11-22",
        "2026-11-22T00:00:00Z",
        "-1",
        "9007199254740993",
        "completed",
        "text",
        "csv",
        "9999-12-31",
    ]);
    let value = prop_oneof![
        1 => known.prop_map(str::to_owned),
        1 => any::<i128>().prop_map(|number| number.to_string()),
        1 => "[0-9]{1,5}-[0-9]{1,3}-[0-9]{1,3}(T[0-9:.]{0,20}(Z|[+-][0-9:]{0,6})?)?",
        1 => ".{0,20}",
    ];
    check((path, vec((name, value), 0..4)), |asked, (path, fields)| {
        let fields = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let path = format!("{path}?{}", fields.collect::<Vec<_>>().join("&"));
        asked.service.request(Method::GET, &path, &asked.account.key)
    });
}

//! A whole run with every secret set to something that can be found again: what is printed, logged, answered, measured and kept
//! is then searched for all of them.

use super::dump;
use crate::installation::{Installation, Server};
use reqwest::Method;
use sandbox::{NotificationTargets, Sandbox};
use serde_json::{Value, json};
use std::net::SocketAddr;
use testkit::{Reply, TestDatabase, send, within};

testkit::on_each_database!(no_secret_is_anywhere_in_clear);

const AUTH_SECRET: &str = "planted-auth-secret-0123456789-0123456789";
const SHOP_KEY: &str = "planted-shop-key-0123456789";
const BOT_TOKEN: &str = "4711:planted-bot-token-0123456789";
const TELEGRAM_SECRET: &str = "planted-telegram-webhook-secret";
const PASSWORD: &str = "planted password of ann";
const S3_KEY: &str = "planted-s3-secret-0123456789";
const DATABASE_PASSWORD: &str = "planted-database-password";
const SHOP: &str = "100500";
/// What a prompt says is its account's own affair, and no log's.
const PROMPT: &str = "planted words of a prompt";

/// All that comes out of the run, each piece with where it came from.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    fn hear(&mut self, what: impl Into<String>, text: impl Into<String>) {
        self.0.push((what.into(), text.into()));
    }

    fn reply(&mut self, what: &str, reply: &Reply) {
        self.hear(what, format!("{:?}\n{}", reply.headers, reply.body));
    }

    /// Asserts that `secret` is in none of it, in no form that is read back without a key.
    fn lacks(&self, secret: &str) {
        use base64::{Engine, engine::general_purpose};
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let forms = [
            secret.to_owned(),
            hex.to_uppercase(),
            hex,
            general_purpose::STANDARD_NO_PAD.encode(secret),
            general_purpose::URL_SAFE_NO_PAD.encode(secret),
        ];
        for (what, text) in &self.0 {
            for form in &forms {
                if let Some(at) = text.find(form.as_str()) {
                    let around: String = text[..at].chars().rev().take(300).collect();
                    let around: String = around.chars().rev().collect();
                    panic!("{secret} is in {what}, as {form}, after: {around}");
                }
            }
        }
    }
}

fn vendor_key(vendor: &str) -> String {
    format!("planted-key-of-{vendor}-0123456789")
}

/// An installation whose vendors and payment services are a sandbox's, each with a key of its own.
fn installation(mut database: TestDatabase, sandbox: &Sandbox) -> Installation {
    // The test server trusts everybody, so any password will do.
    database.url = database.url.replacen("neuralbox@", &format!("neuralbox:{DATABASE_PASSWORD}@"), 1);
    let base_url = |service: &str| sandbox.base_url(service).unwrap();
    let mut settings = vec![
        ("NEURALBOX__LOG__FILTER".to_owned(), "trace".to_owned()),
        ("NEURALBOX__AUTH__SECRET".to_owned(), AUTH_SECRET.to_owned()),
        ("NEURALBOX__AUTH__PASSWORD_MEMORY_KIB".to_owned(), "8".to_owned()),
        ("NEURALBOX__AUTH__PASSWORD_PASSES".to_owned(), "1".to_owned()),
        ("NEURALBOX__PAYMENTS__YOOKASSA__SHOP_ID".to_owned(), SHOP.to_owned()),
        ("NEURALBOX__PAYMENTS__YOOKASSA__SECRET_KEY".to_owned(), SHOP_KEY.to_owned()),
        ("NEURALBOX__PAYMENTS__YOOKASSA__BASE_URL".to_owned(), base_url("yookassa")),
        ("NEURALBOX__PAYMENTS__TELEGRAM__BOT_TOKEN".to_owned(), BOT_TOKEN.to_owned()),
        ("NEURALBOX__PAYMENTS__TELEGRAM__WEBHOOK_SECRET".to_owned(), TELEGRAM_SECRET.to_owned()),
        ("NEURALBOX__PAYMENTS__TELEGRAM__BASE_URL".to_owned(), base_url("telegram")),
        ("NEURALBOX__FILES__S3__ACCESS_KEY_ID".to_owned(), "planted-id".to_owned()),
        ("NEURALBOX__FILES__S3__SECRET_ACCESS_KEY".to_owned(), S3_KEY.to_owned()),
        ("NEURALBOX__WEBHOOKS__ALLOW_PRIVATE".to_owned(), "true".to_owned()),
        ("NEURALBOX__CLIENT__FIRST_BACKOFF_MS".to_owned(), "1".to_owned()),
        ("NEURALBOX__CLIENT__MAX_BACKOFF_MS".to_owned(), "1".to_owned()),
    ];
    for vendor in sandbox::vendors() {
        let name = vendor.to_uppercase();
        settings.push((format!("NEURALBOX__PROVIDERS__{name}__API_KEY"), vendor_key(vendor)));
        settings.push((format!("NEURALBOX__PROVIDERS__{name}__BASE_URL"), base_url(vendor)));
    }
    settings.iter().fold(Installation::new(database), |all, (name, value)| all.with(name, value))
}

async fn no_secret_is_anywhere_in_clear(database: TestDatabase) {
    let sandbox = Sandbox::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let installation = installation(database, &sandbox);
    let mut heard = Heard::default();
    let mut secrets: Vec<String> =
        [AUTH_SECRET, SHOP_KEY, BOT_TOKEN, TELEGRAM_SECRET, PASSWORD, S3_KEY, DATABASE_PASSWORD]
            .map(str::to_owned)
            .into();
    secrets.extend(sandbox::vendors().map(vendor_key));
    // What both services are sent for an authorization.
    secrets.push(format!("{SHOP}:{SHOP_KEY}"));

    let created =
        installation.run(&["account", "create", "--email", "ann@example.org", "--plan", "vip", "--json"]);
    let created = created.succeeded();
    let key = created.json()["api_key"].as_str().unwrap().to_owned();
    heard.hear("account create", created.stderr);
    let server = installation.serve(&[]);
    let notifications = |service: &str| format!("{}/api/v2/billing/notifications/{service}", server.url);
    sandbox.set_notifications(NotificationTargets {
        yookassa: Some(notifications("yookassa")),
        telegram: Some((notifications("telegram"), TELEGRAM_SECRET.to_owned())),
    });
    secrets.extend(use_everything(&server, &key, &mut heard).await);
    secrets.push(key.clone());
    run_commands(&installation, &key, &mut heard);
    heard.reply("metrics", &send(server.http.get(format!("{}/metrics", server.url))).await);
    server.terminate();
    let (code, said) = server.ended().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("TRACE") && said.contains("answered"), "{said}");
    assert!(!said.contains(PROMPT), "a prompt is in the log");
    heard.hear("the server's log", said);
    let (cells, pieces) = dump::all(&installation.database).await;
    pieces.into_iter().for_each(|(what, text)| heard.hear(what, text));
    assert!(cells > 200, "{cells} cells are not all that there is");
    // The search itself finds what is there.
    assert!(heard.0.iter().any(|(_, text)| text.contains("ann@example.org")));
    for secret in &secrets {
        heard.lacks(secret);
    }
    sandbox.stop().await;
}

/// Goes well and wrong through the whole API, and gives what it was told in confidence.
async fn use_everything(server: &Server, key: &str, heard: &mut Heard) -> Vec<String> {
    let mut confided = Vec::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let post =
        async |path: &str, key: &str, body: &Value| server.ask(Method::POST, path, key, Some(body)).await;

    for (path, prompt) in [
        ("/generate", PROMPT),
        ("/generate/stream", PROMPT),
        ("/generate", "[[fault:401]]"),
        ("/generate", "[[fault:500]]"),
        ("/generate", "[[fault:malformed]]"),
        ("/generate/stream", "[[fault:cut]]"),
    ] {
        heard.reply(prompt, &post(path, key, &json!({ "model": "gpt-5", "prompt": prompt })).await);
    }
    for model in
        ["claude-haiku-4.5", "gemini-2.5-flash", "deepseek-v3", "grok-4-fast", "openai-tts", "photon-1"]
    {
        let field = if model == "openai-tts" { "text" } else { "prompt" };
        heard.reply(model, &post("/generate", key, &json!({ "model": model, (field): PROMPT })).await);
        heard.reply(
            model,
            &post("/generate", key, &json!({ "model": model, (field): "[[fault:401]]" })).await,
        );
    }

    // Keys, sign-ins and the secrets of webhooks are told to who asks for them, once.
    let made = post("/keys", key, &json!({ "name": "another" })).await.expect(201);
    confided.push(text(&made["key"]));
    let hook = post("/webhooks", key, &json!({ "url": format!("{}/healthz", server.url) })).await.expect(201);
    confided.push(text(&hook["secret"]));
    let rotated =
        server.ask(Method::POST, &format!("/webhooks/{}/rotate", hook["id"]), key, None).await.expect(200);
    confided.push(text(&rotated["secret"]));
    let own = server.ask(Method::GET, "/webhooks/secret", key, None).await.expect(200);
    confided.push(text(&own["secret"]));
    let person = json!({ "email": "bob@example.org", "password": PASSWORD, "name": "Bob" });
    let signed_in = post("/auth/register", "", &person).await;
    confided.push(text(&signed_in.expect(201)["access_token"]));
    let cookie = |reply: &Reply| text(&json!(reply.header("set-cookie").unwrap().split(';').next().unwrap()));
    let refresh =
        server.http.post(format!("{}/api/v2/auth/refresh", server.url)).header("cookie", cookie(&signed_in));
    let refreshed = send(refresh).await;
    confided.push(text(&refreshed.expect(200)["access_token"]));
    for reply in [&signed_in, &refreshed] {
        confided.push(cookie(reply).split_once('=').unwrap().1.to_owned());
    }

    // Secrets where they do not belong.
    let login = |password: &str| json!({ "email": "bob@example.org", "password": password });
    heard.reply("a wrong password", &post("/auth/login", "", &login("another password")).await);
    let misplaced = json!({ "email": "bob@example.org", "name": "Bob", "password": { "is": PASSWORD } });
    heard.reply("a password of another type", &post("/auth/register", "", &misplaced).await);
    for path in ["/balance", "/generate/1", "/user/history"] {
        heard.reply("a key with more", &server.ask(Method::GET, path, &format!("{key}x"), None).await);
        heard.reply(
            "a key in a query",
            &server.ask(Method::GET, &format!("{path}?key={key}"), "", None).await,
        );
    }
    heard.reply("a key in a body", &post("/generate", key, &json!({ "model": "none", "prompt": key })).await);
    heard.reply("no JSON", &post("/generate", key, &json!([key])).await);
    let forged = server.http.post(format!("{}/api/v2/billing/notifications/telegram", server.url));
    let forged = forged.header("X-Telegram-Bot-Api-Secret-Token", format!("{TELEGRAM_SECRET}x")).body("{}");
    heard.reply("a forged notification", &send(forged).await);

    pay(server, key, heard).await;
    for path in [
        "/balance",
        "/user/me",
        "/user/balance",
        "/user/history",
        "/user/stats",
        "/keys",
        "/webhooks",
        "/billing/payments",
        "/billing/subscription",
        "/billing/ledger",
        "/billing/ledger?format=csv",
        "/models",
        "/plans",
        "/packages",
        "/files/nothing",
    ] {
        heard.reply(path, &server.ask(Method::GET, path, key, None).await);
    }
    let deliveries = format!("/webhooks/{}/deliveries", hook["id"]);
    within(std::time::Duration::from_secs(60), async || {
        let reply = server.ask(Method::GET, &deliveries, key, None).await;
        (reply.expect(200)["items"][0]["attempts"].as_i64() > Some(0))
            .then(|| heard.reply("deliveries", &reply))
    })
    .await;
    for path in ["/healthz", "/readyz", "/openapi.json", "/v1/models"] {
        heard.reply(path, &send(server.http.get(format!("{}{path}", server.url)).bearer_auth(key)).await);
    }
    confided
}

/// Buys by both services, and is paid.
async fn pay(server: &Server, key: &str, heard: &mut Heard) {
    for method in ["yookassa", "telegram_stars"] {
        let body = json!({ "method": method });
        let order = server.ask(Method::POST, "/billing/packages/light", key, Some(&body)).await;
        heard.reply(method, &order);
        let page = order.expect(201)["confirmation_url"].as_str().unwrap().to_owned();
        assert_eq!(send(server.http.post(format!("{page}/succeed"))).await.status, 200);
    }
    let paid = within(std::time::Duration::from_secs(60), async || {
        let payments = server.ask(Method::GET, "/billing/payments", key, None).await;
        let all = payments.expect(200)["items"].as_array().unwrap().clone();
        all.iter().all(|payment| payment["status"] == "succeeded").then_some(payments)
    });
    heard.reply("payments", &paid.await);
}

fn run_commands(installation: &Installation, key: &str, heard: &mut Heard) {
    for command in [
        "migrate",
        "doctor",
        "doctor --json",
        "ledger verify",
        "worker --once",
        "key list --email ann@example.org",
        "account find --email ann@example.org",
        "account find --email bob@example.org --json",
        "payments list",
        "payments list --json",
        "payments reconcile",
        "audit --json",
        "try gpt-5 --prompt hello",
        "key create --email nobody@example.org",
        "serve --no-such-flag",
    ] {
        let said = installation.run(&command.split_whitespace().collect::<Vec<_>>());
        heard.hear(command, said.stdout);
        heard.hear(command, said.stderr);
    }
    let found = installation.run(&["account", "find", "--key", key]).succeeded();
    heard.hear("account find --key", found.stdout + &found.stderr);
    // The key is shown once, on standard output; logs do not repeat it.
    let made = installation.run(&["key", "create", "--email", "ann@example.org"]).succeeded();
    heard.hear("key create", made.stderr);
}

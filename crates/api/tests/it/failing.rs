//! A generation that fails: said as it is, and free.

use crate::{MODELS, refused};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Account, Service, Setup, TestDatabase};

testkit::on_each_database!(
    a_vendor_that_fails_costs_nothing,
    a_vendor_that_hangs_costs_nothing,
    a_passing_failure_is_asked_again_and_charged_once,
    an_answer_that_the_database_refuses_costs_nothing,
);

/// How a fault is answered.
struct Fault {
    name: &'static str,
    status: u16,
    code: &'static str,
    /// What kind of `provider_error` it is.
    kind: Option<&'static str>,
    /// How often the vendor is asked.
    calls: u64,
}

const fn provider_error(name: &'static str, kind: &'static str, calls: u64) -> Fault {
    Fault { name, status: 500, code: "provider_error", kind: Some(kind), calls }
}

const fn unavailable(name: &'static str) -> Fault {
    Fault { name, status: 503, code: "model_unavailable", kind: None, calls: 1 }
}

const FAULTS: [Fault; 9] = [
    provider_error("500", "overloaded", 2),
    provider_error("overloaded", "overloaded", 2),
    provider_error("429", "rate_limited", 2),
    provider_error("malformed", "bad_response", 1),
    provider_error("cut", "stream_cut", 1),
    provider_error("error-in-200", "overloaded", 1),
    unavailable("401"),
    unavailable("quota"),
    Fault { name: "refuse", status: 422, code: "content_refused", kind: None, calls: 1 },
];

const HANG: Fault = provider_error("hang", "timeout", 1);

async fn a_vendor_that_fails_costs_nothing(database: TestDatabase) {
    let failures = MODELS.map(|(vendor, model)| {
        let database = &database;
        async move {
            let service = Service::start(database).await;
            let account = service.account_with(50).await;
            for fault in &FAULTS {
                check_plain(&service, &account, vendor, model, fault).await;
                check_stream(&service, &account, vendor, model, fault).await;
            }
            service
        }
    });
    let services = join_all(failures).await;
    let report = services[0].assert_verifies().await;
    assert_eq!(report.open_holds, 0);
}

async fn a_vendor_that_hangs_costs_nothing(database: TestDatabase) {
    let setup = Setup { call_timeout_ms: 200, ..Setup::default() };
    // GPT-5.2 Pro has minutes of its own.
    let impatient = MODELS.into_iter().filter(|(_, model)| *model != "gpt-5.2-pro");
    let failures = impatient.map(|(vendor, model)| {
        let database = &database;
        async move {
            let service = Service::start_with(database, setup).await;
            let account = service.account_with(50).await;
            check_plain(&service, &account, vendor, model, &HANG).await;
            check_stream(&service, &account, vendor, model, &HANG).await;
            service
        }
    });
    let services = join_all(failures).await;
    assert_eq!(services[0].assert_verifies().await.open_holds, 0);
}

async fn check_plain(service: &Service, account: &Account, vendor: &str, model: &str, fault: &Fault) {
    let calls = service.calls_of(vendor).await;
    let reply = service.generate(&account.key, model, &format!("please [[fault:{}]]", fault.name)).await;
    let details = refused(&reply, fault.status, fault.code);
    let message = &reply.json()["message"];
    check_failure(service, account, vendor, fault, (&details, message)).await;
    assert_eq!(service.calls_of(vendor).await - calls, fault.calls, "{model} {}", fault.name);
}

async fn check_stream(service: &Service, account: &Account, vendor: &str, model: &str, fault: &Fault) {
    let calls = service.calls_of(vendor).await;
    let prompt = format!("please [[fault:{}]]", fault.name);
    let body = json!({ "model": model, "prompt": prompt });
    let reply = service.post("/generate/stream", &account.key, &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let events = reply.events();
    let [start, deltas @ .., error, done] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&start["type"], done), (&json!("generation_start"), &json!("[DONE]")), "{events:?}");
    assert!(deltas.iter().all(|delta| delta["type"] == "content_delta"), "{events:?}");
    assert_eq!((&error["type"], &error["error"]), (&json!("error"), &json!(fault.code)), "{events:?}");
    assert_eq!(
        (&error["id"], &error["details"]["generation_id"]),
        (&start["id"], &start["id"]),
        "{events:?}"
    );
    check_failure(service, account, vendor, fault, (&error["details"], &error["message"])).await;
    assert_eq!(service.calls_of(vendor).await - calls, fault.calls, "{model} {}", fault.name);
}

/// The details say what went wrong and where to look; the record agrees; nothing was charged.
async fn check_failure(
    service: &Service,
    account: &Account,
    vendor: &str,
    fault: &Fault,
    (details, message): (&Value, &Value),
) {
    let id = &details["generation_id"];
    let mut expected = json!({ "generation_id": id });
    if let Some(kind) = fault.kind {
        expected["provider"] = json!(vendor);
        expected["kind"] = json!(kind);
    }
    assert_eq!(*details, expected, "{vendor} {}", fault.name);
    let record = service.get(&format!("/generate/{id}"), &account.key).await.expect(200);
    for (field, expected) in [
        ("status", json!("failed")),
        ("tokens_spent", json!(0)),
        ("error_code", json!(fault.code)),
        ("error", message.clone()),
        ("result_text", Value::Null),
        ("balance_remaining", json!(50)),
    ] {
        assert_eq!(record[field], expected, "{field} of {record:#}");
    }
    assert_eq!(service.balance(&account.key).await, 50, "{vendor} {}", fault.name);
}

async fn a_passing_failure_is_asked_again_and_charged_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let mut left = 1_500;
    for (vendor, model) in MODELS {
        for (fault, path) in [("500", "/generate"), ("overloaded", "/generate/stream"), ("429", "/generate")]
        {
            if fault == "429" && vendor != "xai" {
                // The others want a second's patience, which one of them shows below.
                continue;
            }
            left = check_mended(&service, &account, left, (vendor, model), fault, path).await;
        }
    }
    check_mended(&service, &account, left, MODELS[0], "429", "/generate").await;
    service.assert_verifies().await;
}

/// One failure, then an answer: two calls, one charge. Gives what is left.
async fn check_mended(
    service: &Service,
    account: &Account,
    before: i64,
    (vendor, model): (&str, &str),
    fault: &str,
    path: &str,
) -> i64 {
    let calls = service.calls_of(vendor).await;
    service.break_vendor(vendor, fault, 1).await;
    let body = json!({ "model": model, "prompt": "hello" });
    let reply = service.post(path, &account.key, &body).await;
    assert_eq!(reply.status, 200, "{vendor} {fault}: {reply:?}");
    let price = if model == "gpt-5.2-pro" { 39 } else { 1 };
    let left = service.balance(&account.key).await;
    assert_eq!((left, service.calls_of(vendor).await - calls), (before - price, 2), "{vendor} {fault}");
    left
}

/// Whatever the reason may be: what cannot be written is not charged, and its hold does not stay.
async fn an_answer_that_the_database_refuses_costs_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(50).await;
    let refusal = if database.url.starts_with("sqlite") {
        "WHEN NEW.status = 'completed' BEGIN SELECT RAISE(ABORT, 'odd'); END"
    } else {
        "FOR EACH ROW WHEN (NEW.status = 'completed') EXECUTE FUNCTION refuse_change('odd')"
    };
    database.execute(&format!("CREATE TRIGGER odd BEFORE UPDATE ON generations {refusal}")).await.unwrap();
    let reply = service.generate(&account.key, "gpt-5", "hello").await;
    let id = refused(&reply, 500, "internal_error")["generation_id"].clone();
    let record = service.generation(&account.key, &id).await;
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("failed"), &json!(0)), "{record:#}");
    assert_eq!(service.balance(&account.key).await, 50);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

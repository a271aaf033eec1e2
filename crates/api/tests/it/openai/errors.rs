//! Errors as OpenAI's clients read them.

use super::{complete, post, question, refused, with};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Reply, Service, Setup, TestDatabase, send};

testkit::on_each_database!(refusals_have_openais_shape);

async fn refusals_have_openais_shape(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(1).await;
    let key = &account.key;
    let check = |reply: &Reply, status: u16, (kind, code): (&str, &str), param: Value| {
        let error = refused(reply, status, code);
        assert_eq!((&error["type"], &error["param"]), (&json!(kind), &param), "{reply:?}");
        assert_eq!(reply.header("x-should-retry"), Some("false"), "{reply:?}");
    };
    const REQUEST: &str = "invalid_request_error";
    let unknown = complete(&service, key, &question("gpt-6")).await;
    check(&unknown, 404, (REQUEST, "model_not_found"), json!("model"));
    let poor = complete(&service, key, &question("gpt-5")).await;
    check(&poor, 402, ("insufficient_quota", "insufficient_tokens"), Value::Null);
    let stream = complete(&service, key, &with(question("gpt-5"), &json!({ "stream": true }))).await;
    check(&stream, 402, ("insufficient_quota", "insufficient_tokens"), Value::Null);
    for key in ["", "sk-something", &"nb_".repeat(16)] {
        let stranger = complete(&service, key, &question("gpt-5")).await;
        check(&stranger, 401, (REQUEST, "invalid_api_key"), Value::Null);
        assert_eq!(stranger.header("www-authenticate"), Some("Bearer"));
    }
    let nowhere = post(&service, "/v1/embeddings", key, &json!({})).await;
    check(&nowhere, 404, (REQUEST, "not_found"), Value::Null);
    let get = send(service.request(Method::GET, "/v1/chat/completions", key)).await;
    check(&get, 405, (REQUEST, "method_not_allowed"), Value::Null);
    let no_json = service.request(Method::POST, "/v1/chat/completions", key).body("{");
    let no_json = send(no_json.header("content-type", "application/json")).await;
    check(&no_json, 400, (REQUEST, "bad_request"), Value::Null);
    // The other face says the same in its own words.
    crate::refused(&service.generate(key, "gpt-6", "hi").await, 404, "not_found");

    let free = service.account("basic", 0).await;
    let reply = complete(&service, &free.key, &question("gpt-5-nano")).await;
    check(&reply, 403, (REQUEST, "insufficient_plan"), Value::Null);
    assert_eq!((service.calls().await, service.balance(key).await), (0, 1));
}

#[tokio::test]
async fn what_is_gone_for_good_is_not_worth_a_repeat() {
    let database = testkit::database(testkit::Backend::Sqlite).await.unwrap();
    let setup = Setup { is_sandbox: false, ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let account = service.account("vip", 0).await;
    let body = json!({ "model": "dall-e-3", "prompt": "A boat." });
    let reply = post(&service, "/v1/images/generations", &account.key, &body).await;
    let error = refused(&reply, 503, "model_unavailable");
    assert_eq!(error["type"], "server_error");
    assert_eq!(reply.header("x-should-retry"), Some("false"));
}

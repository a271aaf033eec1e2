//! Connections that break, and a network that goes silent.

use super::{PRICE_TOKENS, generate, goes_on, lost_holds_come_back, postgres, told_to_come_back};
use futures_util::future::join_all;
use reqwest::Method;
use std::time::Duration;
use testkit::{Proxy, Service, send, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_what_is_charged_was_told() {
    let Some(database) = postgres().await else { return };
    let service = Service::start(&database).await;
    let account = service.account_with(1_000).await;
    let asking = (0..40).map(|number| {
        let prompt = format!("[[delay:{}]] hello", number * 20);
        let (service, key) = (&service, &account.key);
        async move { service.generate(key, "gpt-5", &prompt).await }
    });
    let cutting = async {
        for _ in 0..12 {
            database.cut().await;
        }
    };
    let (replies, ()) = tokio::join!(join_all(asking), cutting);
    let completed = replies.iter().filter(|reply| reply.status == 200).count();
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        told_to_come_back(reply);
    }
    lost_holds_come_back(&service).await;
    let charged_tokens = PRICE_TOKENS * i64::try_from(completed).unwrap();
    goes_on(&service, &account, 1_000 - charged_tokens).await;
}

/// As long as a service may take to give up all connections that went silent, one after the other.
const RECOVERED_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_network_is_told_and_over_without_a_restart() {
    let Some(database) = postgres().await else { return };
    let database = database.impatient();
    let proxy = Proxy::start(database.port()).await;
    let service = Service::start(&database.through(proxy.port)).await;
    let account = service.account_with(100).await;
    generate(&service, &account).await.expect(200);
    let calls = service.calls().await;

    proxy.go_silent();
    let health = send(service.request(Method::GET, "/readyz", ""));
    let (generated, read, shown, health) = tokio::join!(
        join_all((0..4).map(|_| generate(&service, &account))),
        service.get("/balance", &account.key),
        service.get("/generate/1", &account.key),
        health,
    );
    for reply in generated.iter().chain([&read, &shown, &health]) {
        told_to_come_back(reply);
    }
    assert_eq!(service.calls().await, calls);

    proxy.let_in();
    let body = within(RECOVERED_WITHIN, async || {
        let reply = generate(&service, &account).await;
        if reply.status != 200 {
            told_to_come_back(&reply);
        }
        (reply.status == 200).then(|| reply.json())
    });
    assert_eq!(body.await["balance_remaining"], 100 - 2 * PRICE_TOKENS);
    lost_holds_come_back(&service).await;
    goes_on(&service, &account, 100 - 2 * PRICE_TOKENS).await;
}

/// Silence that strikes while a generation is at its vendor's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_outlives_a_silence() {
    let Some(database) = postgres().await else { return };
    let database = database.impatient();
    let proxy = Proxy::start(database.port()).await;
    let service = Service::start(&database.through(proxy.port)).await;
    let account = service.account_with(100).await;
    let mut events = service.stream(&account.key, "gpt-5", "[[delay:200]] hello").await;
    let start = events.next().await.unwrap();
    proxy.go_silent();
    // Its words come, and then there is nowhere to write the charge.
    assert_eq!(events.next().await.unwrap()["type"], "content_delta");
    proxy.let_in();
    let mut last = start.clone();
    while let Some(event) = events.next().await.filter(|event| *event != "[DONE]") {
        last = event;
    }
    assert_eq!((&last["type"], &last["id"]), (&"generation_end".into(), &start["id"]), "{last}");
    goes_on(&service, &account, 100 - PRICE_TOKENS).await;
}

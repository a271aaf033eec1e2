//! Starting and stopping.

use crate::lab::{ENDPOINTS, Lab, OPENAI_CHAT};
use reqwest::Method;
use std::time::{Duration, Instant};

#[tokio::test]
async fn every_service_has_a_base_url() {
    let lab = Lab::start().await;
    let addr = lab.sandbox.addr();
    let urls: Vec<String> = sandbox::vendors().filter_map(|vendor| lab.sandbox.base_url(vendor)).collect();
    assert_eq!(
        urls,
        [
            "openai/v1",
            "anthropic",
            "google",
            "deepseek",
            "xai/v1",
            "replicate/v1",
            "luma/dream-machine/v1",
            "elevenlabs",
            "minimax",
            "midjourney",
        ]
        .map(|path| format!("http://{addr}/{path}"))
    );
    let urls = sandbox::payment_services().filter_map(|service| lab.sandbox.base_url(service));
    assert_eq!(
        urls.collect::<Vec<_>>(),
        ["yookassa/v3", "telegram"].map(|path| format!("http://{addr}/{path}"))
    );
    assert_eq!(lab.sandbox.base_url("acme"), None);
}

#[tokio::test]
async fn stopping_lets_go_of_what_hangs() {
    let lab = Lab::start().await;
    let mut hanging = Vec::new();
    for (endpoint, stream) in ENDPOINTS.into_iter().flat_map(|endpoint| [(endpoint, false), (endpoint, true)])
    {
        let body = endpoint.body("[[fault:hang]]", stream).to_string();
        let request = lab.request(Method::POST, endpoint.service, &endpoint.path(stream)).body(body);
        hanging.push(tokio::spawn(async move { request.send().await?.bytes().await }));
    }
    while counted(&lab).await < ENDPOINTS.len() * 2 {
        tokio::task::yield_now().await;
    }
    let stopped_at = Instant::now();
    lab.sandbox.stop().await;
    assert!(stopped_at.elapsed() < Duration::from_secs(4), "{:?}", stopped_at.elapsed());
    for request in hanging {
        drop(request.await.unwrap());
    }
}

#[tokio::test]
async fn dropping_stops_it() {
    let lab = Lab::start().await;
    let body = OPENAI_CHAT.body("[[fault:hang]]", true).to_string();
    let mut response =
        lab.request(Method::POST, "openai", "/chat/completions").body(body).send().await.unwrap();
    drop(lab.sandbox);
    // The stream must end, and badly.
    let end = loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(end.is_err());
}

async fn counted(lab: &Lab) -> usize {
    let shown = crate::lab::fetch(lab.client.get(lab.control_url())).await.json();
    let counts = shown.as_object().unwrap().values().filter_map(|service| service["requests"].as_u64());
    usize::try_from(counts.sum::<u64>()).unwrap()
}

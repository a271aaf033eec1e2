//! Callbacks of vendors that send them.

use crate::lab::{Got, Lab, check};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{net::TcpListener, sync::mpsc};

type Received = (HeaderMap, Bytes);

/// Listens for callbacks. The first `refusals` are answered with 500.
async fn receiver(refusals: usize) -> (String, mpsc::UnboundedReceiver<Received>) {
    #[derive(Clone)]
    struct Inbox(mpsc::UnboundedSender<Received>, Arc<AtomicUsize>);
    async fn receive(
        State(Inbox(sender, refusals)): State<Inbox>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        sender.send((headers, body)).unwrap();
        let is_refused =
            refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if is_refused { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
    }
    let (sender, receiver) = mpsc::unbounded_channel();
    let router =
        Router::new().route("/hook", post(receive)).with_state(Inbox(sender, Arc::new(refusals.into())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, receiver)
}

async fn next(inbox: &mut mpsc::UnboundedReceiver<Received>) -> (HeaderMap, Value) {
    let (headers, body) = inbox.recv().await.unwrap();
    let json = serde_json::from_slice(&body).unwrap();
    (headers, json)
}

async fn replicate(lab: &Lab, body: Value) -> Got {
    let got = lab.post("replicate", "/models/minimax/video-01/predictions", &body).await;
    assert_eq!(got.status, 201, "{got:?}");
    got
}

#[tokio::test]
async fn replicate_signs_and_repeats() {
    let lab = Lab::start().await;
    let (url, mut inbox) = receiver(1).await;
    let events = json!(["completed"]);
    let body = json!({"input": {"prompt": "x"}, "webhook": url, "webhook_events_filter": events});
    let job = replicate(&lab, body).await.json();
    let secret = lab.get("replicate", "/webhooks/default/secret").await.json();
    let webhook = Webhook::new(secret["key"].as_str().unwrap()).unwrap();

    let (first_headers, first_body) = inbox.recv().await.unwrap();
    let (headers, body) = inbox.recv().await.unwrap();
    for (headers, body) in [(&first_headers, &first_body), (&headers, &body)] {
        webhook.verify(body, headers).unwrap();
    }
    assert_eq!(first_headers["webhook-id"], headers["webhook-id"]);
    let json: Value = serde_json::from_slice(&body).unwrap();
    check(&json, &[("/id", job["id"].clone()), ("/status", json!("succeeded"))]);
    assert!(json["output"].is_string());
}

#[tokio::test]
async fn replicate_tells_of_the_start_too() {
    let lab = Lab::start().await;
    let (url, mut inbox) = receiver(0).await;
    replicate(&lab, json!({"input": {"prompt": "[[fault:job-failed]]"}, "webhook": url})).await;
    check(&next(&mut inbox).await.1, &[("/status", json!("processing"))]);
    check(&next(&mut inbox).await.1, &[("/status", json!("failed"))]);
}

#[tokio::test]
async fn luma_tells_of_dreaming_and_the_end() {
    let lab = Lab::start().await;
    let (url, mut inbox) = receiver(1).await;
    let body = json!({"model": "photon-1", "prompt": "x", "callback_url": url});
    let job = lab.post("luma", "/generations/image", &body).await.json();
    for state in ["dreaming", "dreaming", "completed"] {
        let (headers, json) = next(&mut inbox).await;
        check(&json, &[("/state", json!(state)), ("/id", job["id"].clone())]);
        assert!(!headers.contains_key("webhook-signature"));
    }
}

#[tokio::test]
async fn midjourney_repeats_itself_and_comes_late() {
    let lab = Lab::start().await;
    let (url, mut inbox) = receiver(0).await;
    lab.post("midjourney", "/mj/submit/imagine", &json!({"prompt": "x", "notifyHook": url})).await;
    for progress in ["33%", "66%", "100%", "100%", "66%"] {
        check(&next(&mut inbox).await.1, &[("/progress", json!(progress))]);
    }
}

#[tokio::test]
async fn cancelled_jobs_are_told_of() {
    let lab = Lab::start().await;
    let (url, mut inbox) = receiver(0).await;
    let body = json!({"input": {"prompt": "[[fault:job-stuck]]"}, "webhook": url});
    let job = replicate(&lab, body).await.json();
    check(&next(&mut inbox).await.1, &[("/status", json!("processing"))]);
    let path = format!("/predictions/{}/cancel", job["id"].as_str().unwrap());
    lab.post("replicate", &path, &Value::Null).await;
    check(&next(&mut inbox).await.1, &[("/status", json!("canceled"))]);
}

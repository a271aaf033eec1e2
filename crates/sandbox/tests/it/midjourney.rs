//! Midjourney through a proxy.

use crate::{
    lab::{Lab, check, fetch},
    media::{mp4, picture},
};
use image::ImageFormat;
use serde_json::{Value, json};

async fn submit(lab: &Lab, path: &str, body: &Value) -> String {
    let got = lab.post("midjourney", path, body).await;
    assert_eq!(got.status, 200, "{got:?}");
    check(&got.json(), &[("/code", json!(1))]);
    got.json()["result"].as_str().unwrap().to_owned()
}

async fn task(lab: &Lab, id: &str) -> Value {
    lab.get("midjourney", &format!("/mj/task/{id}/fetch")).await.json()
}

#[tokio::test]
async fn imagine_gives_a_grid_after_previews() {
    let lab = Lab::start().await;
    let body = json!({"prompt": "a boat --ar 16:9 --v 6.1", "state": "job 7"});
    for prefix in ["/mj", "/mj-relax/mj", "/mj-fast/mj", "/mj-turbo/mj"] {
        let id = submit(&lab, &format!("{prefix}/submit/imagine"), &body).await;
        assert!(id.parse::<u64>().unwrap() > 1 << 53);
        for progress in ["33%", "66%"] {
            let task = task(&lab, &id).await;
            check(
                &task,
                &[
                    ("/id", json!(id)),
                    ("/status", json!("IN_PROGRESS")),
                    ("/progress", json!(progress)),
                    ("/action", json!("IMAGINE")),
                    ("/state", json!("job 7")),
                    ("/finishTime", json!(null)),
                ],
            );
            assert_eq!(picture(&lab.result(&task["imageUrl"]).await.bytes).0, ImageFormat::WebP);
        }
        let task = task(&lab, &id).await;
        check(
            &task,
            &[("/status", json!("SUCCESS")), ("/progress", json!("100%")), ("/failReason", json!(null))],
        );
        assert_eq!(picture(&lab.result(&task["imageUrl"]).await.bytes), (ImageFormat::Png, 1360, 768));
    }
}

#[tokio::test]
async fn video_gives_as_many_films_as_asked() {
    let lab = Lab::start().await;
    let body = json!({
        "prompt": "waves", "image": "https://images.example/a.png", "videoType": "vid_1.1_i2v_480", "batchSize": 1,
    });
    let id = submit(&lab, "/mj/submit/video", &body).await;
    for _ in 0..2 {
        check(&task(&lab, &id).await, &[("/status", json!("IN_PROGRESS")), ("/imageUrl", json!(null))]);
    }
    let task = task(&lab, &id).await;
    check(&task, &[("/status", json!("SUCCESS")), ("/action", json!("VIDEO"))]);
    assert_eq!(task["videoUrls"], json!([task["videoUrl"]]));
    assert_eq!(mp4(&lab.result(&task["videoUrl"]).await.bytes), 5);
}

#[tokio::test]
async fn refusals_come_with_200() {
    let lab = Lab::start().await;
    let video = |changes: Value| {
        let mut body = json!({"prompt": "x", "image": "data:image/png;base64,AA=="});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        body
    };
    for (action, body, code) in [
        ("imagine", json!({}), 4),
        ("imagine", json!({"prompt": "x", "base64Array": ["AA=="]}), 4),
        ("imagine", json!({"prompt": "x --ar wide"}), 4),
        ("imagine", json!({"prompt": "[[fault:refuse]]"}), 24),
        ("imagine", json!({"prompt": "[[fault:overloaded]]"}), 23),
        ("imagine", json!({"prompt": "[[fault:error-in-200]]"}), 9),
        ("video", json!({"prompt": "x"}), 4),
        ("video", video(json!({"image": "a.png"})), 4),
        ("video", video(json!({"motion": "fast"})), 4),
        ("video", video(json!({"batchSize": 3})), 4),
        ("video", video(json!({"videoType": "vid_9"})), 4),
        ("video", video(json!({})), 1),
    ] {
        let got = lab.post("midjourney", &format!("/mj/submit/{action}"), &body).await;
        assert_eq!((got.status, &got.json()["code"]), (200, &json!(code)), "{body}");
    }
    let got = lab.post("midjourney", "/mj/submit/imagine", &json!({"prompt": "[[fault:refuse]]"})).await;
    assert!(got.json()["properties"]["bannedWord"].is_string());
}

#[tokio::test]
async fn errors_of_the_gateway_have_a_status() {
    let lab = Lab::start().await;
    for (fault, status) in [("401", 401), ("429", 429), ("quota", 403), ("500", 500)] {
        let body = json!({"prompt": format!("[[fault:{fault}]]")});
        let got = lab.post("midjourney", "/mj/submit/imagine", &body).await;
        assert_eq!((got.status, got.body.is_empty()), (status, status == 401), "{got:?}");
    }
    let url = lab.sandbox.base_url("midjourney").unwrap() + "/mj/task/1/fetch";
    let got = fetch(lab.client.get(&url)).await;
    assert_eq!((got.status, got.body.as_str()), (401, ""));
    assert_eq!(fetch(lab.client.get(&url).bearer_auth("key")).await.status, 200);
}

#[tokio::test]
async fn unknown_tasks_are_an_empty_body() {
    let lab = Lab::start().await;
    let got = lab.get("midjourney", "/mj/task/123/fetch").await;
    assert_eq!((got.status, got.body.as_str()), (200, ""));
    let got = lab.post("midjourney", "/mj/task/123/cancel", &Value::Null).await;
    check(&got.json(), &[("/code", json!(3))]);
}

#[tokio::test]
async fn tasks_are_cancelled_and_fail() {
    let lab = Lab::start().await;
    let id = submit(&lab, "/mj/submit/imagine", &json!({"prompt": "a boat"})).await;
    task(&lab, &id).await;
    let got = lab.post("midjourney", &format!("/mj/task/{id}/cancel"), &Value::Null).await;
    check(&got.json(), &[("/code", json!(1)), ("/result", json!(id))]);
    check(&task(&lab, &id).await, &[("/status", json!("CANCEL")), ("/imageUrl", json!(null))]);

    let id = submit(&lab, "/mj/submit/imagine", &json!({"prompt": "[[fault:job-failed]]"})).await;
    for _ in 0..2 {
        task(&lab, &id).await;
    }
    let task = task(&lab, &id).await;
    check(&task, &[("/status", json!("FAILURE")), ("/progress", json!("")), ("/imageUrl", json!(null))]);
    assert!(task["failReason"].is_string());
}

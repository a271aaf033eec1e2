//! What goes wrong on demand with media, jobs and results.

use crate::lab::{Got, Lab, check, fetch};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// An endpoint that makes something of words.
#[derive(Clone, Copy, Debug)]
struct Maker {
    service: &'static str,
    path: &'static str,
    /// Where in a finished job the URL of its result is; none for what answers at once.
    result: Option<&'static str>,
}

const IMAGES: Maker = Maker { service: "openai", path: "/images/generations", result: None };
const SPEECH: Maker = Maker { service: "openai", path: "/audio/speech", result: None };
const VOICE: Maker =
    Maker { service: "elevenlabs", path: "/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM", result: None };
const MUSIC: Maker = Maker { service: "elevenlabs", path: "/v1/music", result: None };
const T2A: Maker = Maker { service: "minimax", path: "/v1/t2a_v2", result: None };
const REPLICATE: Maker = Maker {
    service: "replicate",
    path: "/models/black-forest-labs/flux-1.1-pro/predictions",
    result: Some("/output"),
};
const LUMA: Maker = Maker { service: "luma", path: "/generations/video", result: Some("/assets/video") };
const MIDJOURNEY: Maker =
    Maker { service: "midjourney", path: "/mj/submit/imagine", result: Some("/imageUrl") };

const DIRECT: [Maker; 5] = [IMAGES, SPEECH, VOICE, MUSIC, T2A];
const JOBS: [Maker; 3] = [REPLICATE, LUMA, MIDJOURNEY];

impl Maker {
    fn body(self, words: &str) -> Value {
        match self.path {
            "/images/generations" => json!({"model": "gpt-image-1.5", "prompt": words}),
            "/audio/speech" => json!({"model": "tts-1", "voice": "alloy", "input": words}),
            "/v1/t2a_v2" => {
                json!({"model": "speech-02-hd", "text": words, "voice_setting": {"voice_id": "Wise_Woman"}})
            }
            "/generations/video" => json!({"model": "ray-2", "prompt": words}),
            _ if self.service == "replicate" => json!({"input": {"prompt": words}}),
            _ => json!({"prompt": words, "text": words}),
        }
    }

    async fn post(self, lab: &Lab, words: &str) -> Got {
        lab.post(self.service, self.path, &self.body(words)).await
    }

    fn job_path(self, created: &Value) -> String {
        match self.service {
            "replicate" => format!("/predictions/{}", created["id"].as_str().unwrap()),
            "luma" => format!("/generations/{}", created["id"].as_str().unwrap()),
            _ => format!("/mj/task/{}/fetch", created["result"].as_str().unwrap()),
        }
    }

    /// Starts a job and looks at it so many times.
    async fn run(self, lab: &Lab, words: &str, looks: usize) -> Value {
        let path = self.job_path(&self.post(lab, words).await.json());
        let mut job = Value::Null;
        for _ in 0..looks {
            job = lab.get(self.service, &path).await.json();
        }
        job
    }
}

#[tokio::test]
async fn statuses_of_refused_requests() {
    let lab = Lab::start().await;
    for (maker, statuses) in [
        (IMAGES, [500, 401, 429, 429, 503, 400]),
        (SPEECH, [500, 401, 429, 429, 503, 400]),
        (VOICE, [500, 401, 429, 401, 429, 400]),
        (MUSIC, [500, 401, 429, 401, 429, 400]),
        (REPLICATE, [500, 401, 429, 402, 503, 201]),
        (LUMA, [500, 403, 429, 400, 503, 400]),
    ] {
        for (fault, status) in
            ["500", "401", "429", "quota", "overloaded", "refuse"].into_iter().zip(statuses)
        {
            let got = maker.post(&lab, &format!("[[fault:{fault}]]")).await;
            assert_eq!(got.status, status, "{maker:?} {fault}: {got:?}");
        }
    }
}

#[tokio::test]
async fn refusals_of_content_say_so() {
    let lab = Lab::start().await;
    let refused = "[[fault:refuse]]";
    check(&IMAGES.post(&lab, refused).await.json(), &[("/error/code", json!("moderation_blocked"))]);
    let body = json!({"model": "dall-e-3", "prompt": refused});
    let json = lab.post("openai", "/images/generations", &body).await.json();
    check(&json, &[("/error/code", json!("content_policy_violation"))]);
    check(&MUSIC.post(&lab, refused).await.json(), &[("/detail/status", json!("bad_prompt"))]);
    assert!(LUMA.post(&lab, refused).await.body.contains("moderation"));
    let job = REPLICATE.run(&lab, refused, 3).await;
    check(&job, &[("/status", json!("failed")), ("/output", json!(null))]);
    assert!(job["error"].as_str().unwrap().contains("NSFW"));
}

#[tokio::test]
async fn jobs_fail_or_never_end() {
    let lab = Lab::start().await;
    for (maker, pointer, failed, running) in [
        (REPLICATE, "/status", "failed", "processing"),
        (LUMA, "/state", "failed", "dreaming"),
        (MIDJOURNEY, "/status", "FAILURE", "IN_PROGRESS"),
    ] {
        check(&maker.run(&lab, "[[fault:job-failed]]", 3).await, &[(pointer, json!(failed))]);
        check(&maker.run(&lab, "[[fault:job-stuck]]", 20).await, &[(pointer, json!(running))]);
    }
}

#[tokio::test]
async fn results_are_gone_or_of_another_type() {
    let lab = Lab::start().await;
    for maker in JOBS {
        let pointer = maker.result.unwrap();
        let job = maker.run(&lab, "[[fault:result-gone]]", 3).await;
        assert_eq!(lab.result(job.pointer(pointer).unwrap()).await.status, 404, "{maker:?}");
        let job = maker.run(&lab, "[[fault:wrong-type]]", 3).await;
        let got = lab.result(job.pointer(pointer).unwrap()).await;
        assert_eq!(
            (got.status, got.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{maker:?}"
        );
    }
    for maker in [SPEECH, VOICE, MUSIC] {
        let got = maker.post(&lab, "[[fault:wrong-type]]").await;
        assert_eq!(
            (got.status, got.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{maker:?}"
        );
    }
    let json = IMAGES.post(&lab, "[[fault:wrong-type]]").await.json();
    let bytes = STANDARD.decode(json["data"][0]["b64_json"].as_str().unwrap()).unwrap();
    assert!(bytes.starts_with(b"<!DOCTYPE html>"));
    let json = T2A.post(&lab, "[[fault:wrong-type]]").await.json();
    assert!(json["data"]["audio"].as_str().unwrap().starts_with("3c21444f4354595045"));
    let body = json!({"model": "dall-e-3", "prompt": "[[fault:result-gone]]"});
    let json = lab.post("openai", "/images/generations", &body).await.json();
    assert_eq!(lab.result(&json["data"][0]["url"]).await.status, 404);
}

#[tokio::test]
async fn flaky_results_come_in_the_end() {
    let lab = Lab::start().await;
    for maker in JOBS {
        let job = maker.run(&lab, "[[fault:result-flaky]]", 3).await;
        let url = job.pointer(maker.result.unwrap()).unwrap();
        for round in 0..2 {
            for expected in [500, 500, 500, 200] {
                assert_eq!(lab.result(url).await.status, expected, "{maker:?} {round}");
            }
        }
    }
}

/// Reads until that much has come, and gives what came first.
async fn read(request: reqwest::RequestBuilder, at_least: usize) -> (Option<u64>, Vec<u8>, usize) {
    let mut response = request.send().await.unwrap();
    let (length, mut first, mut count) = (response.content_length(), Vec::new(), 0);
    while count < at_least {
        let Some(chunk) = response.chunk().await.unwrap() else { break };
        count += chunk.len();
        if first.len() < 16 {
            first.extend_from_slice(&chunk);
        }
    }
    (length, first, count)
}

#[tokio::test]
async fn oversized_results_begin_well_and_go_on() {
    const MUCH: usize = 2_000_000;
    let lab = Lab::start().await;
    for maker in JOBS {
        let job = maker.run(&lab, "[[fault:oversized]]", 3).await;
        let url = job.pointer(maker.result.unwrap()).unwrap().as_str().unwrap();
        let (length, first, count) = read(lab.client.get(url), MUCH).await;
        assert_eq!(length, None, "{maker:?}");
        assert!(count >= MUCH && infers(&first), "{maker:?} {count}");
    }
    for maker in DIRECT {
        let request = lab.request(Method::POST, maker.service, maker.path);
        let request = request.body(maker.body("[[fault:oversized]]").to_string());
        let (length, first, count) = read(request, 10 * MUCH).await;
        assert_eq!(length, None, "{maker:?}");
        assert!(count >= 10 * MUCH && infers(&first), "{maker:?} {count}");
    }
}

/// Whether this is how JSON or media begins.
fn infers(bytes: &[u8]) -> bool {
    let starts: [&[u8]; 5] = [b"{", b"\xff\xfb", b"RIFF", b"\x89PNG", b"\0\0\0\x20ftyp"];
    starts.iter().any(|start| bytes.starts_with(start))
}

#[tokio::test]
async fn oversized_results_end_at_300_mib() {
    let lab = Lab::start().await;
    let job = LUMA.run(&lab, "[[fault:oversized]]", 3).await;
    let url = job["assets"]["video"].as_str().unwrap();
    let (_, _, count) = read(lab.client.get(url), usize::MAX).await;
    assert!((300 * 1024 * 1024..301 * 1024 * 1024).contains(&count), "{count}");
}

#[tokio::test]
async fn answers_are_malformed_cut_or_do_not_come() {
    let lab = Lab::start().await;
    for maker in [IMAGES, T2A, REPLICATE, LUMA, MIDJOURNEY] {
        let got = maker.post(&lab, "[[fault:malformed]]").await;
        assert!(!got.is_cut && serde_json::from_slice::<Value>(&got.bytes).is_err(), "{maker:?}");
    }
    for maker in [SPEECH, VOICE, MUSIC] {
        let got = maker.post(&lab, "[[fault:malformed]]").await;
        assert_eq!(got.header("content-type"), Some("audio/mpeg"));
        assert!(!got.is_cut && !got.bytes.starts_with(b"\xff\xfb") && !got.bytes.is_empty(), "{maker:?}");
    }
    for maker in DIRECT.into_iter().chain(JOBS) {
        let got = maker.post(&lab, "[[fault:cut]]").await;
        let promised: usize = got.header("content-length").unwrap().parse().unwrap();
        assert_eq!((got.is_cut, got.bytes.len()), (true, promised / 2), "{maker:?}");

        let request = lab.request(Method::POST, maker.service, maker.path);
        let request =
            request.body(maker.body("[[fault:hang]]").to_string()).timeout(Duration::from_millis(300));
        assert!(request.send().await.unwrap_err().is_timeout(), "{maker:?}");
    }
}

#[tokio::test]
async fn faults_that_are_set_wait_for_a_request_that_can_meet_them() {
    let lab = Lab::start().await;
    let created = REPLICATE.post(&lab, "a boat").await.json();
    lab.control(&json!({"service": "replicate", "fault": "job-failed"})).await;
    let path = REPLICATE.job_path(&created);
    for _ in 0..3 {
        lab.get("replicate", &path).await;
    }
    check(&lab.get("replicate", &path).await.json(), &[("/status", json!("succeeded"))]);
    check(&REPLICATE.run(&lab, "a boat", 3).await, &[("/status", json!("failed"))]);

    let created = LUMA.post(&lab, "a boat").await.json();
    lab.control(&json!({"service": "luma", "fault": "500", "times": 2})).await;
    let path = LUMA.job_path(&created);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(lab.get("luma", &path).await.status);
    }
    assert_eq!(statuses, [500, 500, 200]);
}

#[tokio::test]
async fn transcriptions_meet_faults_that_are_set() {
    let lab = Lab::start().await;
    let sound = SPEECH.post(&lab, "hello").await.bytes;
    let file = ("file", Some(("a.mp3", "audio/mpeg")), &*sound);
    for (service, path, field, model) in [
        ("openai", "/audio/transcriptions", "model", "whisper-1"),
        ("elevenlabs", "/v1/speech-to-text", "model_id", "scribe_v1"),
    ] {
        for (fault, status) in [("500", 500), ("401", 401), ("wrong-type", 200), ("malformed", 200)] {
            lab.control(&json!({"service": service, "fault": fault})).await;
            let got = lab.form(service, path, &[file, (field, None, model.as_bytes())]).await;
            assert_eq!(got.status, status, "{service} {fault}: {got:?}");
            assert!(status != 200 || serde_json::from_str::<Value>(&got.body).is_err(), "{service} {fault}");
        }
        assert_eq!(lab.form(service, path, &[file, (field, None, model.as_bytes())]).await.status, 200);
    }
}

#[tokio::test]
async fn names_of_results_that_nobody_gave_are_not_found() {
    let lab = Lab::start().await;
    let origin = format!("http://{}", lab.sandbox.addr());
    for (path, status) in [
        ("/luma/files/ok/0000000000000001-64x64.png", 200),
        ("/luma/files/ok/0000000000000001-64x64.gif", 404),
        ("/luma/files/ok/0000000000000001.png", 404),
        ("/luma/files/well/0000000000000001-64x64.png", 404),
        ("/luma/files/ok/xyz-64x64.png", 404),
        ("/acme/files/ok/0000000000000001-64x64.png", 404),
        ("/luma/files/ok/0000000000000001-4000000000x2.png", 200),
    ] {
        let got = fetch(lab.client.get(format!("{origin}{path}"))).await;
        assert_eq!(got.status, status, "{path}");
    }
}

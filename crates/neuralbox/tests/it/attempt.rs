//! `neuralbox try`: one call of a vendor, shown without secrets.

use crate::installation::{Installation, Said};
use sandbox::Sandbox;
use serde_json::{Value, json};
use std::net::SocketAddr;
use testkit::Backend;

const KEY: &str = "planted-vendor-key-0123456789";

async fn installation() -> Installation {
    Installation::new(testkit::empty_database(Backend::Sqlite).await.unwrap())
}

/// Tries against the sandbox, with these arguments on top.
async fn attempt(arguments: &[&str]) -> Said {
    installation().await.run(&[&["try", "--sandbox"], arguments].concat())
}

#[tokio::test]
async fn each_category_gives_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (picture, sound) = (out("picture"), out("sound"));
    let tried =
        async |arguments: &[&str]| attempt(&[arguments, &["--json"]].concat()).await.succeeded().json();

    let said = tried(&["gpt-5", "--prompt", "Hello"]).await;
    assert!(said["result_text"].as_str().unwrap().contains("Hello"), "{said}");
    assert_eq!((&said["completed"], &said["metadata"]["finish_reason"]), (&json!(true), &json!("stop")));

    let said = tried(&["dall-e-3", "--prompt", "A cat", "--out", &picture]).await;
    let file = &said["result_file"];
    assert_eq!((&file["path"], &file["width"]), (&json!(picture), &json!(1_024)), "{said}");
    assert_eq!(file["bytes"], std::fs::metadata(&picture).unwrap().len());

    let said = tried(&["openai-tts", "--prompt", "Hello", "--out", &sound]).await;
    assert_eq!(said["result_file"]["content_type"], "audio/mpeg", "{said}");

    let said = tried(&["whisper", "--file", &format!("audio={sound}")]).await;
    assert!(!said["result_text"].as_str().unwrap().is_empty(), "{said}");
    // Some seconds, at 100 micro-dollars each, and not the six minutes that there could be.
    let cost = said["metadata"]["vendor_cost_micro_usd"].as_i64().unwrap();
    assert!((1..2_000).contains(&cost), "{said}");

    // By a data URL, and by an address, which the sandbox does not look at.
    for slug in ["flux-kontext-pro", "luma-ray2-flash"] {
        let file = format!("image_url={picture}");
        let said = tried(&[slug, "--prompt", "It moves", "--file", &file, "--out", &out(slug)]).await;
        assert!(said["exchanges"].as_array().unwrap().len() > 2, "{said}");
    }
}

#[tokio::test]
async fn what_is_sent_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("cat.png");
    let arguments = ["dall-e-3", "--param", "quality=hd", "--param", "prompt=A cat", "--json", "--out"];
    let said = attempt(&[&arguments[..], &[out.to_str().unwrap()]].concat()).await.succeeded().json();
    let [exchange] = said["exchanges"].as_array().unwrap().as_slice() else { panic!("{said}") };
    assert!(exchange["url"].as_str().unwrap().ends_with("/openai/v1/images/generations"), "{said}");
    let (method, status) = (&exchange["method"], &exchange["status"]);
    assert_eq!((method, status), (&json!("POST"), &json!(200)));
    assert_eq!(exchange["headers"]["authorization"], "Bearer …");
    assert_eq!((&exchange["body"]["quality"], &exchange["body"]["prompt"]), (&json!("hd"), &json!("A cat")));
    assert!(exchange["answered_after_ms"].is_u64());
}

#[tokio::test]
async fn a_result_without_a_place_goes_where_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let installation = installation().await.with("TMPDIR", folder.path().to_str().unwrap());
    let said = installation.run(&["try", "openai-tts", "--prompt", "Hello", "--sandbox"]).succeeded();
    let line = said.stdout.lines().find(|line| line.contains("openai-tts.mp3")).unwrap();
    assert!(std::fs::metadata(line.split(" (").next().unwrap()).unwrap().len() > 0, "{said:?}");
}

#[tokio::test]
async fn what_fails_is_named() {
    for (arguments, why) in [
        (["gpt-6", "--prompt", "Hello"].as_slice(), "there is no model gpt-6"),
        (&["gpt-5"], "prompt"),
        (&["photon-1"], "prompt: photon-1 needs it"),
        (&["photon-1", "--prompt", "A cat", "--param", "duration=5"], "photon-1 has no such parameter"),
        (&["photon-1", "--prompt", "A cat", "--file", "audio=x.mp3"], "takes no file as audio"),
        (&["whisper"], "--file audio=PATH"),
        (&["whisper", "--file", "audio=/nowhere/x.mp3"], "/nowhere/x.mp3"),
    ] {
        attempt(arguments).await.failed(why);
    }
    for (slug, fault, kind) in [
        ("gpt-5", "401", "bad_key"),
        ("dall-e-3", "refuse", "content_refused"),
        ("dall-e-3", "wrong-type", "bad_response"),
        ("flux-1.1-pro", "job-failed", "job_failed"),
        ("photon-1", "result-gone", "bad_response"),
    ] {
        let said = attempt(&[slug, "--prompt", &format!("Hello [[fault:{fault}]]"), "--json"]).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert_eq!((&said.json()["error"]["kind"], slug), (&json!(kind), slug), "{said:?}");
    }
    let said = installation().await.run(&["try", "gpt-5", "--prompt", "Hello"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("not_configured"), "{said:?}");
}

// The sandbox answers on one thread while another waits for the process.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_never_shown() {
    let sandbox = Sandbox::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (slug, vendor) in [("gpt-5", "openai"), ("minimax-tts", "minimax"), ("elevenlabs-v2", "elevenlabs")] {
        let name = |setting: &str| format!("NEURALBOX__PROVIDERS__{}__{setting}", vendor.to_uppercase());
        let installation = installation()
            .await
            .with("NEURALBOX__LOG__FILTER", "trace")
            .with("TMPDIR", folder.path().to_str().unwrap())
            .with(&name("API_KEY"), KEY)
            .with(&name("BASE_URL"), &sandbox.base_url(vendor).unwrap());
        for fault in ["", "[[fault:401]]"] {
            for json in [&[][..], &["--json"]] {
                let words = format!("Hello {fault}");
                let said = installation.run(&[&["try", slug, "--prompt", &words], json].concat());
                let heard = format!("{said:?}");
                assert!(heard.contains('…') && !heard.contains(KEY), "{heard}");
            }
        }
    }
}

#[tokio::test]
async fn a_job_is_left_when_the_operator_has_had_enough() {
    let arguments = ["try", "flux-1.1-pro", "--prompt", "Hello [[fault:job-stuck]]", "--sandbox"];
    let said = installation().await.run_interrupted(&arguments, "a job runs");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("stopped: the vendor was asked to stop the job"), "{said:?}");
    assert!(said.stdout.contains("/cancel"), "{said:?}");
}

/// Nothing of ours is made on the way.
#[tokio::test]
async fn no_database_is_touched() {
    let installation = installation().await.with("NEURALBOX__DATABASE__URL", "sqlite:///nowhere/at/all.db");
    let said = installation.run(&["try", "gpt-5", "--prompt", "Hello", "--sandbox", "--json"]).succeeded();
    assert_ne!(said.json()["result_text"], Value::Null);
}

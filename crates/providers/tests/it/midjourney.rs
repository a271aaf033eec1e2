//! Midjourney through a proxy: pictures and clips.

use crate::{
    conformance::answering,
    jobs::{check_requests, error, next, wait},
    media_subject::{bytes, call, check_rejected, described, media, reply, restarted, walk},
};
use domain::{
    catalog::Category,
    media::{JobState, MediaCall, ProductFile},
    port::{
        Provider,
        ProviderErrorKind::{self, *},
    },
};
use proptest::prelude::*;
use providers::{Client, ClientSettings, InputForm, Repeat, ReplyBody, VendorSettings};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

const TASK: &str = "/mj-fast/mj/task/17954321098765432109";

fn imagine() -> MediaCall {
    call("midjourney-v6", &json!({ "prompt": "A cat." }))
}

fn video() -> MediaCall {
    call("mj-video-480p", &json!({ "prompt": "It jumps --bs 4", "image_url": "https://example.com/a.png" }))
}

fn prompt(call: &MediaCall) -> String {
    let said = described(&media(call).start(call).unwrap().request);
    said["body"]["prompt"].as_str().unwrap().to_owned()
}

fn urls(files: &[ProductFile]) -> Vec<&str> {
    files.iter().map(url).collect()
}

fn url(file: &ProductFile) -> &str {
    match file {
        ProductFile::Url(url) => url,
        other => panic!("{other:?} is no address"),
    }
}

#[test]
fn requests_carry_all_parameters() {
    let picture = json!({
        "prompt": "A cat — on {a, b} mat --ar 1:2", "aspect_ratio": "16:9", "seed": 7,
        "negative_prompt": "dogs, --v 5", "format": "png",
    });
    let clip = json!({ "prompt": "It jumps --bs 4", "image_url": "https://example.com/a.png" });
    check_requests(
        "midjourney",
        &[
            ("midjourney-v6", picture.clone()),
            ("midjourney-turbo", picture),
            ("mj-video-480p", clip.clone()),
            ("mj-video-720p", clip),
        ],
    );
    assert_eq!(prompt(&imagine()), "A cat. --ar 1:1 --v 6.1");
}

#[test]
fn clips_begin_with_the_file_itself() {
    assert_eq!(media(&video()).input_form(&video(), "image_url"), InputForm::Bytes);
    assert_eq!(media(&video()).start(&video()).unwrap().repeat, Repeat::Billable);
}

#[test]
fn addresses_to_call_back_are_passed_on() {
    let mut call = imagine();
    call.callback_url = Some("https://example.com/hook".to_owned());
    let said = described(&media(&call).start(&call).unwrap().request);
    assert_eq!(said["body"]["notifyHook"], "https://example.com/hook");
}

#[test]
fn modes_are_paths() {
    let check = |mode: Option<&str>, path: &str| {
        let mut call = imagine();
        call.upstream.params.remove("mode");
        call.upstream.params.extend(mode.map(|mode| ("mode".to_owned(), mode.to_owned())));
        let request = media(&call).start(&call).unwrap().request;
        assert_eq!(request.path, format!("{path}/submit/imagine"));
    };
    check(None, "/mj");
    check(Some("relax"), "/mj-relax/mj");
    check(Some("fast"), "/mj-fast/mj");
    check(Some("turbo"), "/mj-turbo/mj");
}

#[test]
fn what_cannot_be_said_is_refused() {
    let with = |call: MediaCall, name: &str, value: &str| {
        let mut call = call;
        call.upstream.params.insert(name.into(), value.into());
        call
    };
    check_rejected(&with(imagine(), "mode", "lazy"), "mode");
    check_rejected(&with(imagine(), "videoType", "x"), "videoType");
    check_rejected(&with(video(), "flags", "--v 7"), "flags");
    check_rejected(&with(video(), "batchSize", "many"), "batchSize");
    // One clip is sold; the proxy would make, and charge, two.
    check_rejected(&with(video(), "batchSize", "2"), "batchSize");
    check_rejected(&MediaCall { params: video().params, ..imagine() }, "image_url");
    check_rejected(&MediaCall { inputs: imagine().inputs, ..video() }, "image_url");
    let mut other = imagine();
    other.upstream.model = "describe".to_owned();
    check_rejected(&other, "describe");
}

#[test]
fn words_of_a_client_are_no_flags() {
    let check = |words: &str, plain: &str| {
        let call = call("midjourney-v6", &json!({ "prompt": words, "negative_prompt": words }));
        assert_eq!(prompt(&call), format!("{plain} --ar 1:1 --v 6.1 --no {plain}"), "{words}");
    };
    check("a well-known cat", "a well-known cat");
    check("--v 5 a cat", "-v 5 a cat");
    check("a cat\n--ar 1:2\t—v 5 –q 2 -----", "a cat\n-ar 1:2\t-v 5 -q 2 -");
    check("-—-v 5", "-v 5");
    check("кот — это зверь", "кот - это зверь");
    check("a {red, green} cat", "a (red, green) cat");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn odd_words_of_a_client_are_no_flags(words in "[-—–―{}a-z :\n]{1,60}") {
        prop_assume!(!words.trim().is_empty());
        let call = call("midjourney-v6", &json!({ "prompt": words, "negative_prompt": words }));
        let said = prompt(&call);
        let flags: Vec<&str> = said.match_indices("--").map(|(at, _)| &said[at..]).collect();
        assert_eq!(flags.len(), 3, "{said}");
        let names = ["--ar 1:1", "--v 6.1", "--no "];
        assert!(flags.iter().zip(names).all(|(flag, name)| flag.starts_with(name)), "{said}");
        assert!(!said.contains(['—', '–', '―', '{', '}']), "{said}");
    }
}

#[test]
fn tasks_are_taken_on_or_refused_by_code() {
    for file in ["accepted", "exists", "queued"] {
        let job = wait(next(&imagine(), &reply(&format!("midjourney/{file}.json"))).unwrap());
        assert_eq!((job.progress, job.poll_after_ms > 0), (None, true), "{file}");
        assert_eq!(job.state.0, json!({ "task_id": "17954321098765432109", "unknown_polls": 0 }), "{file}");
    }
    let check = |file: &str, kind: ProviderErrorKind| {
        let error = walk(&imagine(), &[reply(&format!("midjourney/{file}.json"))]).unwrap_err();
        assert_eq!(error.kind, kind, "{file}: {}", error.message);
    };
    check("no_task", RejectedRequest);
    check("invalid", RejectedRequest);
    check("broken", Overloaded);
    check("queue_full", Overloaded);
    check("banned", ContentRefused);
    check("unknown_code", BadResponse);
}

#[test]
fn answers_that_name_no_task_are_malformed() {
    let bodies = [
        "",
        "null",
        "[]",
        "{}",
        r#"{"code":"1"}"#,
        r#"{"code":1}"#,
        r#"{"code":1,"result":""}"#,
        r#"{"code":1,"result":"../list"}"#,
        r#"{"code":1,"result":{}}"#,
    ];
    for body in bodies {
        assert_eq!(walk(&imagine(), &[bytes(body)]).unwrap_err().kind, BadResponse, "{body}");
    }
    let number = bytes(r#"{"code":1,"result":17}"#);
    assert_eq!(
        wait(next(&imagine(), &number).unwrap()).state.0,
        json!({ "task_id": "17", "unknown_polls": 0 })
    );
}

#[test]
fn tasks_are_asked_after_until_they_end() {
    let call = imagine();
    let accepted = restarted(wait(next(&call, &reply("midjourney/accepted.json")).unwrap()));
    let poll = media(&call).poll(&call, &accepted.state).unwrap();
    assert_eq!(
        described(&poll.request),
        json!({ "method": "GET", "path": format!("{TASK}/fetch"), "body": null })
    );
    assert_eq!(poll.repeat, Repeat::Harmless);
    let check = |file: &str, progress: Option<i64>| {
        let answer =
            media(&call).next(&call, &poll.state, &reply(&format!("midjourney/{file}.json"))).unwrap();
        let providers::Step::Wait(job) = answer else { panic!("{file} is no end") };
        assert_eq!((job.progress, &job.state), (progress, &accepted.state), "{file}");
    };
    check("not_started", Some(0));
    check("submitted", None);
    check("running", Some(42));
    check("invented", None);
}

fn after_start(call: &MediaCall, file: &str) -> Result<domain::media::Product, domain::port::ProviderError> {
    walk(call, &[reply("midjourney/accepted.json"), reply(&format!("midjourney/{file}.json"))])
}

#[test]
fn the_grid_is_one_picture() {
    let product = after_start(&imagine(), "image").unwrap();
    assert_eq!(urls(&product.files), ["https://cdn.example.net/grid.png?ex=1"]);
    assert_eq!(product.seed, None);
    let seeded = call("midjourney-v6", &json!({ "prompt": "A cat.", "seed": 7 }));
    assert_eq!(after_start(&seeded, "image").unwrap().seed, Some(7));
}

#[test]
fn clips_are_not_taken_for_their_first_frames() {
    let files = |file: &str| after_start(&video(), file).unwrap().files;
    assert_eq!(urls(&files("video")), ["https://cdn.example.net/0.mp4"]);
    let both = ["https://cdn.example.net/0.mp4", "https://cdn.example.net/1.mp4"];
    assert_eq!(urls(&files("video_objects")), both);
    assert_eq!(after_start(&video(), "image").unwrap_err().kind, BadResponse);
}

#[test]
fn tasks_that_end_badly_are_told_apart() {
    let check = |file: &str, kind: ProviderErrorKind| {
        let error = after_start(&imagine(), file).unwrap_err();
        assert_eq!(error.kind, kind, "{file}: {}", error.message);
    };
    check("failed", JobFailed);
    check("failed_in_silence", JobFailed);
    check("cancelled", JobFailed);
    check("modal", JobFailed);
    check("refused", ContentRefused);
    check("banned_prompt", ContentRefused);
    check("without_result", BadResponse);
    for body in ["{}", "[]"] {
        let answers = [reply("midjourney/accepted.json"), bytes(body)];
        assert_eq!(walk(&imagine(), &answers).unwrap_err().kind, BadResponse, "{body:?}");
    }
}

/// A proxy may say that it took a task before it finds it itself.
#[test]
fn tasks_that_are_not_known_may_still_be() {
    let call = imagine();
    let accepted = wait(next(&call, &reply("midjourney/accepted.json")).unwrap()).state;
    let look = |state: &JobState, body: &str| media(&call).next(&call, state, &bytes(body));
    for body in ["", " \n", "null"] {
        let mut state = accepted.clone();
        let mut polls = 0;
        let error = loop {
            match look(&state, body) {
                Ok(step) => state = restarted(wait(step)).state,
                Err(error) => break error,
            }
            polls += 1;
        };
        assert_eq!((error.kind, polls), (JobFailed, 20), "{body:?}");
    }
    // One that is known again has all the time once more, as has one that an older version kept.
    let unknown = wait(look(&accepted, "null").unwrap()).state;
    assert_ne!(unknown, accepted);
    let running = media(&call).next(&call, &unknown, &reply("midjourney/running.json")).unwrap();
    assert_eq!(wait(running).state, accepted);
    assert_eq!(
        wait(look(&JobState(json!({ "task_id": "17" })), "null").unwrap()).state.0["unknown_polls"],
        1
    );
}

#[test]
fn tasks_are_stopped() {
    let call = imagine();
    let state = wait(next(&call, &reply("midjourney/accepted.json")).unwrap()).state;
    let request = media(&call).cancel(&call, &state).unwrap().unwrap();
    assert_eq!(
        described(&request),
        json!({ "method": "POST", "path": format!("{TASK}/cancel"), "body": {} })
    );
}

#[test]
fn states_of_others_are_refused() {
    for state in [Value::Null, json!({ "id": "1" }), json!({ "task_id": 1 }), json!({ "task_id": "../list" })]
    {
        let (call, state) = (imagine(), JobState(state));
        assert_eq!(media(&call).poll(&call, &state).unwrap_err().kind, BadResponse, "{state:?}");
        assert_eq!(media(&call).cancel(&call, &state).unwrap_err().kind, BadResponse, "{state:?}");
    }
}

#[test]
fn gateways_speak_by_status() {
    let check = |status: u16, file: &str, kind: ProviderErrorKind| {
        let error = error(&imagine(), status, &format!("midjourney/errors/{file}.json"));
        assert_eq!(error.kind, kind, "{status} {file}: {}", error.message);
    };
    check(401, "empty", BadKey);
    check(403, "empty", BadKey);
    check(429, "empty", RateLimited);
    check(502, "empty", Overloaded);
    check(403, "spent", QuotaExhausted);
    check(429, "spent_openai", QuotaExhausted);
}

/// Proxies look for the one header or the other.
#[tokio::test]
async fn the_key_goes_in_both_headers() {
    let said = reply("midjourney/accepted.json").body;
    let ReplyBody::Bytes(said) = said else { panic!("it is JSON") };
    let server = answering(ResponseTemplate::new(200).set_body_raw(said, "application/json")).await;
    let vendor = VendorSettings {
        api_key: Some("key".into()),
        base_url: Some(server.uri()),
        ..VendorSettings::default()
    };
    let client = Client::new(ClientSettings::default(), [("midjourney".to_owned(), vendor)].into()).unwrap();
    client.make(&imagine()).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].headers["mj-api-secret"], "key");
    assert_eq!(requests[0].headers["authorization"], "Bearer key");
}

/// Nobody but the operator knows whose proxy it is.
#[tokio::test]
async fn a_vendor_without_an_address_is_not_configured() {
    let client = |base_url: Option<&str>| {
        let vendor = VendorSettings {
            api_key: Some("key".into()),
            base_url: base_url.map(str::to_owned),
            ..VendorSettings::default()
        };
        Client::new(ClientSettings::default(), [("midjourney".to_owned(), vendor)].into()).unwrap()
    };
    assert!(client(Some("http://127.0.0.1:9")).is_configured("midjourney"));
    let nowhere = client(None);
    assert!(!nowhere.is_configured("midjourney"));
    assert!(nowhere.serves("midjourney", Category::Image));
    let error = nowhere.make(&imagine()).await.unwrap_err();
    assert_eq!((error.kind, error.message.contains("base URL")), (NotConfigured, true));
}

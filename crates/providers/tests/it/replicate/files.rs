//! How files go in.

use super::{LARGE, POLL, face_swap, start, with_file_of};
use crate::{
    conformance::{KEY, quick},
    jobs::wait,
    media_subject::{bytes, described, fixture, media, on_disk, reply},
};
use domain::{
    media::Made,
    port::{
        Provider,
        ProviderErrorKind::{BadResponse, RejectedRequest},
    },
};
use providers::{Body, Client, Exchange, InputForm, Repeat, Step, VendorSettings};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

#[test]
fn files_stand_in_the_request() {
    let call = face_swap();
    let exchange = media(&call).start(&call).unwrap();
    let Body::JsonWithFiles { files, .. } = exchange.request.body else { panic!("there are no files") };
    assert_eq!(files, call.inputs);
    assert_eq!(exchange.repeat, Repeat::Billable);
    for name in ["image_url", "face_url"] {
        assert_eq!(media(&call).input_form(&call, name), InputForm::Bytes);
    }
}

#[test]
fn large_files_are_uploaded_first() {
    let call = with_file_of(LARGE, "image_url", with_file_of(LARGE, "face_url", face_swap()));
    let mut exchange = media(&call).start(&call).unwrap();
    for name in ["face_url", "image_url"] {
        let content = json!(["content", { "file": format!("{name}.png"), "type": "image/png" }]);
        let upload = json!({ "method": "POST", "path": "/files", "body": [content] });
        assert_eq!((described(&exchange.request), exchange.repeat), (upload, Repeat::Harmless));
        let reply = bytes(format!(r#"{{"id":"x","urls":{{"get":"https://example.com/{name}"}}}}"#));
        let step = media(&call).next(&call, &exchange.state, &reply).unwrap();
        let Step::Send(next) = step else { panic!("an upload is not the end") };
        exchange = next;
    }
    let input = described(&exchange.request)["body"]["json"]["input"].clone();
    let (face, image) = ("https://example.com/face_url", "https://example.com/image_url");
    assert_eq!(input, json!({ "input_image": image, "swap_image": face }));
    assert_eq!(exchange.repeat, Repeat::Billable);
    let job = wait(media(&call).next(&call, &exchange.state, &reply("replicate/created.json")).unwrap());
    assert_eq!(described(&media(&call).poll(&call, &job.state).unwrap().request)["path"], POLL);
}

#[tokio::test]
async fn uploads_go_over_sockets() {
    let (mut call, _folder) = on_disk(face_swap());
    for file in call.inputs.values_mut() {
        std::fs::write(&file.path, vec![7; LARGE as usize]).unwrap();
        file.bytes = LARGE;
    }
    let server = MockServer::start().await;
    let answer = |at: &str, file: &str| {
        let template = ResponseTemplate::new(201).set_body_raw(fixture(file), "application/json");
        Mock::given(method("POST")).and(path(at)).respond_with(template)
    };
    answer("/files", "replicate/upload.json").mount(&server).await;
    answer("/predictions", "replicate/created.json").mount(&server).await;
    let vendor = VendorSettings {
        api_key: Some(KEY.into()),
        base_url: Some(server.uri()),
        ..VendorSettings::default()
    };
    let client = Client::new(quick(), [("replicate".to_owned(), vendor)].into()).unwrap();
    assert!(matches!(client.make(&call).await, Ok(Made::Job(_))));
    let received = server.received_requests().await.unwrap();
    let paths: Vec<_> = received.iter().map(|request| request.url.path()).collect();
    assert_eq!(paths, ["/files", "/files", "/predictions"]);
    let content_type = received[0].headers["content-type"].to_str().unwrap();
    assert!(content_type.starts_with("multipart/form-data; boundary="), "{content_type}");
    assert!(received[0].body.len() > LARGE as usize);
    let created: Value = serde_json::from_slice(&received[2].body).unwrap();
    let uploaded = "https://api.replicate.com/v1/files/fl0123";
    assert_eq!(created["input"], json!({ "input_image": uploaded, "swap_image": uploaded }));
}

#[test]
fn only_large_files_are_uploaded() {
    let path = |bytes: u64| start(&with_file_of(bytes, "face_url", face_swap()))["path"].clone();
    // 255,966 bytes of base64 and 22 before it.
    assert_eq!(path(191_976), "/predictions");
    assert_eq!(path(191_985), "/files");
    assert_eq!(path(u64::MAX), "/files");
}

#[test]
fn nothing_is_uploaded_for_a_call_that_cannot_be_described() {
    let mut call = with_file_of(LARGE, "image_url", face_swap());
    call.upstream.model = "piddnad/ddcolor".to_owned();
    assert_eq!(media(&call).start(&call).unwrap_err().kind, RejectedRequest);
}

#[test]
fn uploads_without_an_address_are_malformed() {
    let call = with_file_of(LARGE, "image_url", face_swap());
    let Exchange { state, .. } = media(&call).start(&call).unwrap();
    for body in ["", "<html>", "{}", r#"{"urls":null}"#, r#"{"urls":{"get":7}}"#] {
        let error = media(&call).next(&call, &state, &bytes(body)).unwrap_err();
        assert_eq!(error.kind, BadResponse, "{body}");
    }
}

//! The guide's example does what the guide says.

use super::*;
use crate::adapter::{Body, ReplyBody};
use domain::{
    catalog::{Catalog, Purpose, Sources},
    id::GenerationId,
    media::InputFile,
};
use std::path::PathBuf;

const GUIDE: &str = include_str!("../../../../../docs/adding-a-vendor.md");

/// The blocks of the guide in that language, one after the other.
fn blocks(language: &str) -> String {
    let begin = format!("```{language}\n");
    let blocks = GUIDE.split(&begin).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

fn call() -> MediaCall {
    let models = format!("token_value_micro_usd = 18_000\n\n{}", blocks("toml"));
    let catalog = Catalog::parse(&Sources { models: &models, ..Sources::default() }).unwrap();
    let model = catalog.model("acme-paint").unwrap();
    let given =
        json!({ "prompt": "A lighthouse at dusk", "seed": 7, "image_url": "https://example.com/a.png" });
    let file = InputFile {
        path: PathBuf::from("/nowhere/image_url.png"),
        file_name: "image_url.png".to_owned(),
        content_type: "image/png".to_owned(),
        bytes: 17,
        duration_ms: None,
        url: None,
    };
    MediaCall {
        generation_id: GenerationId(1),
        model_slug: model.slug.clone(),
        vendor: model.vendor.clone(),
        category: model.category,
        upstream: model.upstream.clone(),
        params: model.read_params(given.as_object().unwrap(), Purpose::Generate).unwrap(),
        inputs: [("image_url".to_owned(), file)].into(),
        scratch: PathBuf::from("/nowhere"),
        callback_url: None,
        timeout_ms: 60_000,
    }
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/acme/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn next(name: &str) -> Result<Step, ProviderError> {
    let body = ReplyBody::Bytes(fixture(name));
    Acme.next(&call(), &JobState::default(), &Reply { content_type: "application/json".into(), body })
}

#[test]
fn the_guide_shows_this_very_file() {
    let code = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    };
    let file = include_str!("../acme.rs").split("\n#[cfg(test)]").next().unwrap();
    assert_eq!(code(&blocks("rust")), code(file));
}

#[test]
fn every_parameter_is_said() {
    let request = Acme.start(&call()).unwrap().request;
    let Body::JsonWithFiles { value, files } = request.body else { panic!("{request:?}") };
    let body = json!({ "json": value, "files": files.keys().collect::<Vec<_>>() });
    let said = json!({ "method": request.method.as_str(), "path": request.path, "body": body });
    assert_eq!(said, serde_json::from_slice::<Value>(&fixture("requests/acme-paint")).unwrap());
}

#[test]
fn a_job_is_followed_to_its_end() {
    for (name, progress) in [("queued", 0), ("painting", 40)] {
        let Step::Wait(job) = next(name).unwrap() else { panic!("{name}") };
        assert_eq!(job.progress, Some(progress));
        assert_eq!(Acme.poll(&call(), &job.state).unwrap().request.path, "/images/pic_9f3a");
        let cancel = Acme.cancel(&call(), &job.state).unwrap().unwrap();
        assert_eq!((cancel.method, cancel.path.as_str()), (http::Method::DELETE, "/images/pic_9f3a"));
    }
    let Step::Done(product) = next("done").unwrap() else { panic!("it is done") };
    assert_eq!((product.files.len(), product.seed), (1, Some(7)));
    assert_eq!(next("failed").unwrap_err().kind, ProviderErrorKind::JobFailed);
}

#[test]
fn errors_have_their_kinds() {
    let check = |status: StatusCode, body: Vec<u8>, kind: ProviderErrorKind| {
        assert_eq!(Acme.decode_error(&Response { status, body }).kind, kind, "{status}");
    };
    check(StatusCode::BAD_REQUEST, fixture("errors/moderated"), ProviderErrorKind::ContentRefused);
    check(StatusCode::UNAUTHORIZED, b"nonsense".to_vec(), ProviderErrorKind::BadKey);
    check(StatusCode::SERVICE_UNAVAILABLE, Vec::new(), ProviderErrorKind::Overloaded);
}

//! What is tested of media adapters: calls of the catalog's models, and ways to feed them answers.

use domain::{
    catalog::{Catalog, Category, Purpose, Sources},
    id::GenerationId,
    media::{InputFile, Job, MediaCall, Product, ProductFile},
    params::ParamSpec,
    port::{ProviderError, ProviderErrorKind},
};
use providers::{ADAPTERS, Adapter, Body, Field, MediaAdapter, Reply, ReplyBody, Request, Step};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::LazyLock,
};
use tempfile::TempDir;

/// One way in which a vendor is asked, from the first answer to the product.
pub struct MediaSubject {
    pub slug: &'static str,
    /// What the client sends, as JSON.
    pub given: &'static str,
    /// Fixtures of good answers, in the order in which they are asked for.
    pub answers: &'static [&'static str],
}

/// A row a protocol.
pub const SUBJECTS: &[MediaSubject] = &[
    MediaSubject {
        slug: "dall-e-3",
        given: r#"{"prompt":"A cat."}"#,
        answers: &["openai_media/image_url.json"],
    },
    MediaSubject {
        slug: "gpt-image-1.5",
        given: r#"{"prompt":"A cat.","image_url":"https://example.com/a.png"}"#,
        answers: &["openai_media/image_base64.json"],
    },
    MediaSubject { slug: "openai-tts", given: r#"{"text":"Hello."}"#, answers: &["openai_media/speech.mp3"] },
    MediaSubject { slug: "whisper", given: "{}", answers: &["openai_media/transcript.json"] },
    MediaSubject { slug: "elevenlabs-v2", given: r#"{"text":"Hello."}"#, answers: &["elevenlabs/sound.mp3"] },
    MediaSubject {
        slug: "elevenlabs-music",
        given: r#"{"prompt":"A waltz."}"#,
        answers: &["elevenlabs/sound.mp3"],
    },
    MediaSubject { slug: "elevenlabs-scribe", given: "{}", answers: &["elevenlabs/transcript.json"] },
    MediaSubject { slug: "minimax-tts", given: r#"{"text":"Hello."}"#, answers: &["minimax/speech.json"] },
    MediaSubject {
        slug: "midjourney-v6",
        given: r#"{"prompt":"A cat."}"#,
        answers: &["midjourney/accepted.json", "midjourney/running.json", "midjourney/image.json"],
    },
    MediaSubject {
        slug: "mj-video-480p",
        given: r#"{"prompt":"It jumps.","image_url":"https://example.com/a.png"}"#,
        answers: &["midjourney/accepted.json", "midjourney/video.json"],
    },
    MediaSubject {
        slug: "flux-kontext-pro",
        given: r#"{"prompt":"A cat.","image_url":"https://example.com/a.png"}"#,
        answers: &["replicate/created.json", "replicate/processing.json", "replicate/succeeded.json"],
    },
    MediaSubject {
        slug: "photon-1",
        given: r#"{"prompt":"A cat."}"#,
        answers: &["luma/queued.json", "luma/dreaming.json", "luma/completed_image.json"],
    },
];

impl MediaSubject {
    pub fn call(&self) -> MediaCall {
        call(self.slug, &serde_json::from_str(self.given).unwrap())
    }
}

/// As it is sold.
pub static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::parse(&Sources::default()).unwrap());

/// A call of that model as the catalog has it, with a file wherever one is named; the files do not exist.
pub fn call(slug: &str, given: &Value) -> MediaCall {
    let model = CATALOG.model(slug).unwrap();
    let params = model.read_params(given.as_object().unwrap(), Purpose::Generate).unwrap();
    let is_given = |name: &str| params.text(name).is_some();
    let named =
        model.params.iter().filter(|(name, spec)| matches!(spec, ParamSpec::Url { .. }) && is_given(name));
    let mut inputs: BTreeMap<_, _> =
        named.map(|(name, _)| (name.clone(), input(name, "png", "image/png"))).collect();
    if model.category == Category::Stt {
        inputs.insert("audio".into(), input("audio", "mp3", "audio/mpeg"));
    }
    MediaCall {
        generation_id: GenerationId(18_473),
        model_slug: slug.to_owned(),
        vendor: model.vendor.clone(),
        category: model.category,
        upstream: model.upstream.clone(),
        params,
        inputs,
        scratch: PathBuf::from("/nowhere"),
        callback_url: None,
        timeout_ms: 60_000,
    }
}

fn input(name: &str, extension: &str, content_type: &str) -> InputFile {
    let file_name = format!("{name}.{extension}");
    InputFile {
        path: PathBuf::from(format!("/nowhere/{file_name}")),
        url: Some(format!("https://files.example.com/{file_name}")),
        content_type: content_type.to_owned(),
        bytes: FILE_BYTES.len() as u64,
        duration_ms: None,
        file_name,
    }
}

/// What every file that goes in holds.
pub const FILE_BYTES: &[u8] = b"not really a file";

/// The same call with its files in a folder that exists.
pub fn on_disk(mut call: MediaCall) -> (MediaCall, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for file in call.inputs.values_mut() {
        file.path = folder.path().join(&file.file_name);
        std::fs::write(&file.path, FILE_BYTES).unwrap();
    }
    call.scratch = folder.path().to_owned();
    (call, folder)
}

pub fn adapter(call: &MediaCall) -> &'static dyn Adapter {
    *ADAPTERS.iter().find(|adapter| adapter.vendor() == call.vendor).unwrap()
}

pub fn media(call: &MediaCall) -> &'static dyn MediaAdapter {
    adapter(call).media().unwrap()
}

/// A file under `fixtures/`.
pub fn fixture(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file)).unwrap()
}

/// That file as the adapter gets an answer.
pub fn reply(file: &str) -> Reply {
    match content_type(file) {
        json @ "application/json" => {
            Reply { content_type: json.into(), body: ReplyBody::Bytes(fixture(file)) }
        }
        other => {
            Reply { content_type: other.into(), body: ReplyBody::Path(PathBuf::from("/nowhere/answer")) }
        }
    }
}

pub fn content_type(file: &str) -> &'static str {
    match Path::new(file).extension().unwrap().to_str().unwrap() {
        "json" => "application/json",
        "mp3" => "audio/mpeg",
        other => panic!("what is {other}?"),
    }
}

/// A request in a form that can stand in a fixture.
pub fn described(request: &Request) -> Value {
    let body = match &request.body {
        Body::Bytes(bytes) if bytes.is_empty() => Value::Null,
        Body::Bytes(bytes) => serde_json::from_slice(bytes).unwrap(),
        Body::JsonWithFiles { value, files } => {
            json!({ "json": value, "files": files.keys().collect::<Vec<_>>() })
        }
        Body::Multipart(fields) => fields.iter().map(described_field).collect(),
    };
    json!({ "method": request.method.as_str(), "path": request.path, "body": body })
}

fn described_field(field: &Field) -> Value {
    match field {
        Field::Text { name, value } => json!([name, value]),
        Field::File { name, file } => json!([name, { "file": file.file_name, "type": file.content_type }]),
    }
}

/// Holds what `call` begins with against the fixture.
pub fn check_request(call: &MediaCall, golden: &str) {
    let exchange = media(call).start(call).unwrap();
    let golden: Value = serde_json::from_slice(&fixture(golden)).unwrap();
    assert_eq!(described(&exchange.request), golden, "{}", call.model_slug);
}

/// Feeds answers to the machine until it is done or fails; jobs are asked after.
pub fn walk(call: &MediaCall, answers: &[Reply]) -> Result<Product, ProviderError> {
    let mut exchange = media(call).start(call)?;
    for answer in answers {
        exchange = match media(call).next(call, &exchange.state, answer)? {
            Step::Send(next) => next,
            Step::Wait(job) => media(call).poll(call, &restarted(job).state)?,
            Step::Done(product) => return Ok(product),
        };
    }
    panic!("{} wants to go on", call.model_slug);
}

/// The job as it is after a restart.
pub fn restarted(job: Job) -> Job {
    let kept = serde_json::to_vec(&job.state).unwrap();
    Job { state: serde_json::from_slice(&kept).unwrap(), ..job }
}

pub fn bytes(body: impl Into<Vec<u8>>) -> Reply {
    Reply { content_type: "application/json".into(), body: ReplyBody::Bytes(body.into()) }
}

/// Product of the file that came as an answer.
pub fn is_file(product: &Product) -> bool {
    matches!(product.files.as_slice(), [ProductFile::Path(_)])
}

/// Holds a refusal to begin against its kind and a word of its message.
pub fn check_rejected(call: &MediaCall, word: &str) {
    let error = media(call).start(call).unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::RejectedRequest, "{}", call.model_slug);
    assert!(error.message.contains(word), "{}", error.message);
}

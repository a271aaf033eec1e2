//! What is submitted, and what comes of it.

use crate::{
    fault::Fault,
    fields::Object,
    hash::fnv1a,
    media::{Clip, Picture, PictureFormat, Recipe, Shape, size_of},
    service::Service,
    trouble::{Invalid, Trouble, Why},
};
use serde_json::{Value, json};

/// Side of a square grid.
const GRID_SIDE: u32 = 1024;
/// Side of the preview of one.
const PREVIEW_SIDE: u32 = 256;
/// How long a film is.
const CLIP_SECONDS: u32 = 5;

/// A task that is asked for.
pub(super) struct Order {
    /// What a task repeats.
    pub(super) request: Value,
    pub(super) prompt: String,
    pub(super) makes: Makes,
    pub(super) notify_hook: Option<String>,
}

/// What comes of a task.
pub(super) enum Makes {
    /// One picture: a grid of four.
    Grid { seed: u64, shape: String },
    /// So many films.
    Films { seed: u64, count: u64 },
}

impl Makes {
    /// The fields of a task that name its results, and under `preview` what is shown before.
    pub(super) fn output(&self, service: &Service, fault: Option<Fault>) -> Value {
        match self {
            Self::Grid { seed, shape } => {
                let picture = |side: u32, format: PictureFormat| {
                    let size = size_of(shape, side).unwrap_or((side, side));
                    Recipe::Picture(Picture::new(*seed, size, format))
                };
                json!({
                    "preview": service.result_url(&picture(PREVIEW_SIDE, PictureFormat::WebP), None),
                    "imageUrl": service.result_url(&picture(GRID_SIDE, PictureFormat::Png), fault),
                })
            }
            Self::Films { seed, count } => {
                let film = |index: u64| {
                    let clip =
                        Clip { seed: seed.wrapping_add(index), seconds: CLIP_SECONDS, shape: Shape::Wide };
                    service.result_url(&Recipe::Clip(clip), fault)
                };
                let films: Vec<String> = (0..*count).map(film).collect();
                json!({"videoUrl": films.first(), "videoUrls": films})
            }
        }
    }
}

/// Reads `POST /mj/submit/imagine`.
pub(super) fn imagine(json: &Value) -> Result<Order, Trouble> {
    let body = Object::at("", json)?;
    let prompt = body.require_text("prompt")?;
    if body.get("base64Array").is_some() {
        for picture in body.require_list("base64Array")? {
            if !picture.as_str().is_some_and(is_data_url) {
                return Err(body.wrong("base64Array", Why::Other("base64格式错误".to_owned())).into());
            }
        }
    }
    let shape = flag(prompt, "--ar").or_else(|| flag(prompt, "--aspect")).unwrap_or("1:1").to_owned();
    if size_of(&shape, GRID_SIDE).is_none() {
        return Err(body.wrong("prompt", Why::Other(format!("Invalid parameter: --ar {shape}"))).into());
    }
    Ok(order(&body, "IMAGINE", prompt, Makes::Grid { seed: fnv1a(prompt.as_bytes()), shape })?)
}

/// Reads `POST /mj/submit/video`. There is no film without a first picture.
pub(super) fn video(json: &Value) -> Result<Order, Trouble> {
    let body = Object::at("", json)?;
    let prompt = body.text("prompt")?.unwrap_or_default();
    check_picture(&body, "image")?;
    if body.get("endImage").is_some() {
        check_picture(&body, "endImage")?;
    }
    body.one_of("motion", &["low", "high"])?;
    body.one_of("videoType", &["vid_1.1_i2v_480", "vid_1.1_i2v_720"])?;
    body.flag("loop")?;
    let count = match body.integer("batchSize", 1)?.unwrap_or(4) {
        count @ (1 | 2 | 4) => count.unsigned_abs(),
        got => return Err(body.wrong("batchSize", Why::ValueNotTaken(got.to_string())).into()),
    };
    Ok(order(&body, "VIDEO", prompt, Makes::Films { seed: fnv1a(prompt.as_bytes()), count })?)
}

fn order(body: &Object<'_>, action: &str, prompt: &str, makes: Makes) -> Result<Order, Invalid> {
    let notify_hook = body.text("notifyHook")?.map(str::to_owned);
    let request = json!({
        "action": action,
        "prompt": prompt,
        "promptEn": prompt,
        "description": format!("/{} {prompt}", action.to_ascii_lowercase()),
        "state": body.text("state")?,
        "properties": {"finalPrompt": prompt, "notifyHook": notify_hook},
    });
    Ok(Order { request, prompt: prompt.to_owned(), makes, notify_hook })
}

fn check_picture(body: &Object<'_>, name: &str) -> Result<(), Invalid> {
    let url = body.require_text(name)?;
    if is_data_url(url) || url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    Err(body.wrong(name, Why::Other(format!("{name} must be a URL or base64"))))
}

fn is_data_url(text: &str) -> bool {
    text.starts_with("data:image/") && text.contains(";base64,")
}

/// What follows a flag in a prompt.
fn flag<'a>(prompt: &'a str, name: &str) -> Option<&'a str> {
    let mut words = prompt.split_whitespace();
    words.find(|word| *word == name)?;
    words.next()
}

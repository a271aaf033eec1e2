//! What the vendor checks.

use super::{Kind, Order};
use crate::{
    fields::Object,
    hash::fnv1a,
    media::{Clip, Picture, PictureFormat, Recipe, Shape, size_of},
    trouble::{Invalid, Trouble, Why},
};
use serde_json::{Value, json};

const IMAGE_FIELDS: [&str; 12] = [
    "generation_type",
    "model",
    "prompt",
    "aspect_ratio",
    "format",
    "image_ref",
    "style_ref",
    "character_ref",
    "modify_image_ref",
    "callback_url",
    "sync",
    "sync_timeout",
];
const VIDEO_FIELDS: [&str; 10] = [
    "generation_type",
    "model",
    "prompt",
    "aspect_ratio",
    "resolution",
    "duration",
    "loop",
    "keyframes",
    "concepts",
    "callback_url",
];
const SHAPES: [&str; 7] = ["1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21"];

/// References to pictures of one kind, at most.
const MAX_REFERENCES: usize = 4;

/// Reads a request.
pub(super) fn read(kind: Kind, mut json: Value) -> Result<Order, Trouble> {
    let order = {
        let body = Object::at("", &json)?;
        let generation_type = body.text("generation_type")?.unwrap_or(kind.name());
        if generation_type != kind.name() {
            return Err(body.wrong("generation_type", Why::ValueNotTaken(generation_type.to_owned())).into());
        }
        let prompt = body.text("prompt")?.unwrap_or_default().to_owned();
        let recipe = match kind {
            Kind::Image => image(&body)?,
            Kind::Video => video(&body)?,
        };
        let callback_url = body.text("callback_url")?;
        if callback_url.is_some() {
            check_url(&body, "callback_url")?;
        }
        let callback_url = callback_url.map(str::to_owned);
        Order { request: Value::Null, prompt, recipe, callback_url }
    };
    json["generation_type"] = json!(kind.name());
    Ok(Order { request: json, ..order })
}

fn image(body: &Object<'_>) -> Result<Recipe, Invalid> {
    body.only(&IMAGE_FIELDS)?;
    body.require_text("model")?;
    body.one_of("model", &["photon-1", "photon-flash-1"])?;
    for name in ["image_ref", "style_ref"] {
        check_references(body, name)?;
    }
    if let Some(reference) = body.object("modify_image_ref")? {
        check_reference(&reference)?;
    }
    check_characters(body)?;
    if body.flag("sync")? {
        return Err(body.wrong("sync", Why::Other("sync is not taken in this sandbox".to_owned())));
    }
    let format = match body.one_of("format", &["jpg", "png"])? {
        Some("png") => PictureFormat::Png,
        _ => PictureFormat::Jpeg,
    };
    Ok(Recipe::Picture(Picture::new(seed(body)?, size(body)?, format)))
}

fn video(body: &Object<'_>) -> Result<Recipe, Invalid> {
    body.only(&VIDEO_FIELDS)?;
    body.require_text("model")?;
    body.one_of("model", &["ray-1-6", "ray-2", "ray-flash-2"])?;
    body.one_of("resolution", &["540p", "720p", "1080p", "4k"])?;
    body.flag("loop")?;
    check_keyframes(body)?;
    let seconds = if body.one_of("duration", &["5s", "9s"])? == Some("9s") { 9 } else { 5 };
    Ok(Recipe::Clip(Clip { seed: seed(body)?, seconds, shape: Shape::nearest(size(body)?) }))
}

fn seed(body: &Object<'_>) -> Result<u64, Invalid> {
    let words = format!("{:?} {:?}", body.text("model")?, body.text("prompt")?);
    Ok(fnv1a(words.as_bytes()))
}

fn size(body: &Object<'_>) -> Result<(u32, u32), Invalid> {
    let shape = body.one_of("aspect_ratio", &SHAPES)?.unwrap_or("16:9");
    Ok(size_of(shape, 1024).unwrap_or((1024, 1024)))
}

fn check_keyframes(body: &Object<'_>) -> Result<(), Invalid> {
    let Some(frames) = body.object("keyframes")? else { return Ok(()) };
    frames.only(&["frame0", "frame1"])?;
    for name in ["frame0", "frame1"] {
        let Some(frame) = frames.object(name)? else { continue };
        frame.require_text("type")?;
        match frame.one_of("type", &["image", "generation"])? {
            Some("image") => check_url(&frame, "url")?,
            _ => drop(frame.require_text("id")?),
        }
    }
    Ok(())
}

fn check_references(body: &Object<'_>, name: &str) -> Result<(), Invalid> {
    if body.get(name).is_none() {
        return Ok(());
    }
    let references = body.require_list(name)?;
    if references.len() > MAX_REFERENCES {
        let why = Why::Above { got: references.len().to_string(), max: MAX_REFERENCES.to_string() };
        return Err(body.wrong(name, why));
    }
    for (index, reference) in references.iter().enumerate() {
        check_reference(&Object::at(format!("{name}[{index}]"), reference)?)?;
    }
    Ok(())
}

fn check_reference(reference: &Object<'_>) -> Result<(), Invalid> {
    reference.only(&["url", "weight"])?;
    check_url(reference, "url")?;
    reference.decimal("weight", 0.0, 1.0)?;
    Ok(())
}

fn check_characters(body: &Object<'_>) -> Result<(), Invalid> {
    let Some(characters) = body.object("character_ref")? else { return Ok(()) };
    let Some(identity) = characters.object("identity0")? else {
        return Err(characters.wrong("identity0", Why::Missing));
    };
    for (index, url) in identity.require_list("images")?.iter().enumerate() {
        if !url.as_str().is_some_and(is_url) {
            return Err(identity.wrong(&format!("images[{index}]"), not_a_url()));
        }
    }
    Ok(())
}

fn check_url(object: &Object<'_>, name: &str) -> Result<(), Invalid> {
    if is_url(object.require_text(name)?) { Ok(()) } else { Err(object.wrong(name, not_a_url())) }
}

/// A data URL is none to this vendor.
fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn not_a_url() -> Why {
    Why::Other("Input should be a valid URL".to_owned())
}

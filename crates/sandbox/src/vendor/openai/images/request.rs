//! What the vendor checks about pictures that are asked for.

use super::{Family, Order};
use crate::{
    fields::Object,
    form::{Content, Form, Part},
    media::PictureFormat,
    trouble::{Invalid, Trouble, Why},
    vendor::chat::check_image_url,
};

const DALL_E_3_FIELDS: [&str; 8] =
    ["model", "prompt", "n", "size", "quality", "style", "response_format", "user"];
const GPT_IMAGE_FIELDS: [&str; 12] = [
    "model",
    "prompt",
    "n",
    "size",
    "quality",
    "background",
    "moderation",
    "output_compression",
    "output_format",
    "partial_images",
    "stream",
    "user",
];
const EDIT_FIELDS: [&str; 14] = [
    "model",
    "prompt",
    "n",
    "size",
    "quality",
    "background",
    "input_fidelity",
    "moderation",
    "output_compression",
    "output_format",
    "partial_images",
    "stream",
    "user",
    "images",
];

/// Fields of a form that are no text.
const NUMBERS: [&str; 4] = ["n", "output_compression", "partial_images", "stream"];

/// Pictures that may come with an edit, at most.
const MAX_INPUTS: usize = 16;
const INPUT_TYPES: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];

/// Reads `POST /images/generations`.
pub(super) fn generation(content: Content) -> Result<Order, Trouble> {
    let json = content.json()?;
    let body = Object::at("", &json)?;
    match family(&body)? {
        Family::DallE3 => Ok(dall_e_3(&body)?),
        Family::GptImage => {
            body.only(&GPT_IMAGE_FIELDS)?;
            Ok(gpt_image(&body, 0)?)
        }
    }
}

/// Reads `POST /images/edits`, a form or JSON.
pub(super) fn edit(content: Content) -> Result<Order, Trouble> {
    let (json, inputs) = match content {
        Content::Form(form) => (form.values(&NUMBERS), form_inputs(&form)?),
        content @ Content::Other(_) => {
            let json = content.json()?;
            let inputs = json_inputs(&Object::at("", &json)?)?;
            (json, inputs)
        }
    };
    let body = Object::at("", &json)?;
    if family(&body)? == Family::DallE3 {
        let allowed = &["gpt-image-1.5"];
        return Err(body.wrong("model", Why::NotOneOf { got: "dall-e-3".to_owned(), allowed }).into());
    }
    body.only(&EDIT_FIELDS)?;
    body.one_of("input_fidelity", &["high", "low"])?;
    Ok(gpt_image(&body, inputs)?)
}

fn family(body: &Object<'_>) -> Result<Family, Trouble> {
    match body.require_text("model")? {
        "dall-e-3" => Ok(Family::DallE3),
        model if model.starts_with("gpt-image-1") => Ok(Family::GptImage),
        model => Err(Trouble::UnknownModel(model.to_owned())),
    }
}

fn dall_e_3(body: &Object<'_>) -> Result<Order, Invalid> {
    body.only(&DALL_E_3_FIELDS)?;
    body.integer_within("n", 1, 1)?;
    body.one_of("style", &["vivid", "natural"])?;
    let size = body.one_of("size", &["1024x1024", "1792x1024", "1024x1792"])?;
    Ok(Order {
        family: Family::DallE3,
        prompt: body.require_text_within("prompt", 4_000)?.to_owned(),
        count: 1,
        inputs: 0,
        size: pixels(size),
        quality: word(body, "quality", &["standard", "hd"])?,
        background: "opaque",
        format: PictureFormat::Png,
        format_name: "png",
        by_url: body.one_of("response_format", &["url", "b64_json"])? != Some("b64_json"),
    })
}

fn gpt_image(body: &Object<'_>, inputs: usize) -> Result<Order, Invalid> {
    refuse_stream(body)?;
    body.one_of("moderation", &["auto", "low"])?;
    body.integer_within("output_compression", 0, 100)?;
    let size = body.one_of("size", &["1024x1024", "1536x1024", "1024x1536", "auto"])?;
    let format_name = word(body, "output_format", &["png", "jpeg", "webp"])?;
    let quality = word(body, "quality", &["auto", "low", "medium", "high"])?;
    let background = word(body, "background", &["auto", "transparent", "opaque"])?;
    if background == "transparent" && format_name == "jpeg" {
        let message = "Transparent background is not supported for JPEG output format.";
        return Err(body.wrong("background", Why::Other(message.to_owned())));
    }
    Ok(Order {
        family: Family::GptImage,
        prompt: body.require_text_within("prompt", 32_000)?.to_owned(),
        count: body.integer_within("n", 1, 10)?.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        inputs,
        size: pixels(size),
        // What `auto` comes to is part of the answer.
        quality: if quality == "auto" { "high" } else { quality },
        background: if background == "auto" { "opaque" } else { background },
        format: PictureFormat::parse(format_name).unwrap_or(PictureFormat::Png),
        format_name,
        by_url: false,
    })
}

/// One of a few words; the first is the default.
fn word(body: &Object<'_>, name: &str, allowed: &'static [&'static str]) -> Result<&'static str, Invalid> {
    let got = body.one_of(name, allowed)?;
    let found = allowed.iter().find(|word| Some(**word) == got).or_else(|| allowed.first());
    Ok(found.copied().unwrap_or_default())
}

/// A size in words; anything but two numbers is a square.
fn pixels(size: Option<&str>) -> (u32, u32) {
    let parsed =
        size.and_then(|size| size.split_once('x')).map(|(width, height)| (width.parse(), height.parse()));
    if let Some((Ok(width), Ok(height))) = parsed { (width, height) } else { (1024, 1024) }
}

fn refuse_stream(body: &Object<'_>) -> Result<(), Invalid> {
    if body.flag("stream")? {
        let message = "Streams of pictures are not made in this sandbox.";
        return Err(body.wrong("stream", Why::Other(message.to_owned())));
    }
    Ok(())
}

fn form_inputs(form: &Form) -> Result<usize, Invalid> {
    form.require_file("image")?;
    for image in form.files("image") {
        check_picture(image)?;
    }
    for mask in form.files("mask") {
        check_picture(mask)?;
    }
    check_count(form.files("image").count())
}

fn json_inputs(body: &Object<'_>) -> Result<usize, Invalid> {
    let images = body.require_list("images")?;
    for (index, image) in images.iter().enumerate() {
        let image = Object::at(format!("images[{index}]"), image)?;
        if image.get("file_id").is_none() {
            check_image_url(&image, "image_url")?;
        }
    }
    check_count(images.len())
}

fn check_count(inputs: usize) -> Result<usize, Invalid> {
    if inputs > MAX_INPUTS {
        let why = Why::Above { got: inputs.to_string(), max: MAX_INPUTS.to_string() };
        return Err(Invalid::new("image", why));
    }
    Ok(inputs)
}

/// The type must be said, and be true.
fn check_picture(part: &Part) -> Result<(), Invalid> {
    let said = part.content_type.as_deref().unwrap_or("application/octet-stream");
    let found = image::guess_format(&part.bytes).ok().map(|format| format.to_mime_type());
    if INPUT_TYPES.contains(&said) && found == Some(said) {
        return Ok(());
    }
    let message = format!(
        "Invalid file '{}': unsupported mimetype ('{said}'). Supported file formats are 'image/jpeg', 'image/png', \
         and 'image/webp'.",
        part.name
    );
    Err(Invalid::new(part.name.as_str(), Why::Other(message)))
}

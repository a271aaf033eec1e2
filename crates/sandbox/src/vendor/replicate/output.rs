//! What comes of an input.

use super::models::{Makes, Model};
use crate::{
    fault::Fault,
    hash::fnv1a,
    media::{Clip, Picture, PictureFormat, Recipe, Shape, Sound, SoundFormat, size_of},
    service::Service,
};
use serde_json::{Value, json};

/// Side of a square picture, where nothing else is said.
const SIDE: u32 = 1024;
/// Side of the picture that an enlargement begins with: nobody has looked at the real one.
const SMALL_SIDE: u32 = 512;
/// Samples a second of music that is not packed; the model makes twice as many.
const RATE_HZ: u32 = 16_000;

/// The output in the model's own shape, with results that fail as `fault` says.
pub(super) fn of(model: &Model, input: &Value, service: &Service, fault: Option<Fault>) -> Value {
    let seed = fnv1a(format!("{} {input}", model.slug).as_bytes());
    let url = |recipe: &Recipe| json!(service.result_url(recipe, fault));
    let picture = |index: u64, format: &str| {
        let format = word(input, "output_format").unwrap_or(format);
        let format = PictureFormat::parse(format).unwrap_or(PictureFormat::Png);
        Picture::new(seed.wrapping_add(index), size(model, input), format)
    };
    match model.makes {
        Makes::Picture(format) => url(&Recipe::Picture(picture(0, format))),
        Makes::Pictures(format) => {
            (0..count(input)).map(|index| url(&Recipe::Picture(picture(index, format)))).collect()
        }
        Makes::Cutout => {
            let format = PictureFormat::parse(word(input, "format").unwrap_or("png"));
            let picture = Picture::new(seed, (SIDE, SIDE), format.unwrap_or(PictureFormat::Png));
            url(&Recipe::Picture(picture.cut_out(true)))
        }
        Makes::Clip(seconds) => {
            let seconds = number(input, "duration").unwrap_or(seconds);
            url(&Recipe::Clip(Clip { seed, seconds, shape: Shape::Wide }))
        }
        Makes::Music => url(&Recipe::Sound(music(seed, input))),
        Makes::Text => json!(format!("SANDBOX\nNo. {}\nText of a picture.\n", seed % 10_000)),
    }
}

/// How much of it there is, as the vendor bills it.
pub(super) fn metrics(model: &Model, input: &Value) -> Value {
    let mut metrics = json!({"predict_time": 1.25, "total_time": 1.5});
    match model.makes {
        Makes::Picture(_) => metrics["image_count"] = json!(1),
        Makes::Pictures(_) => metrics["image_count"] = json!(count(input)),
        Makes::Clip(seconds) => {
            metrics["video_output_duration_seconds"] = json!(number(input, "duration").unwrap_or(seconds));
        }
        Makes::Cutout | Makes::Music | Makes::Text => {}
    }
    metrics
}

fn music(seed: u64, input: &Value) -> Sound {
    let format = match word(input, "output_format") {
        Some("mp3") => SoundFormat::Mp3,
        _ => SoundFormat::Wav(RATE_HZ),
    };
    Sound::new(seed, number(input, "duration").unwrap_or(8).saturating_mul(1000), format)
}

fn count(input: &Value) -> u64 {
    let count = number(input, "number_of_images").or_else(|| number(input, "num_outputs"));
    u64::from(count.unwrap_or(1))
}

fn size(model: &Model, input: &Value) -> (u32, u32) {
    if model.slug == "nightmareai/real-esrgan" {
        let scale = input.get("scale").and_then(Value::as_f64).unwrap_or(4.0);
        // At most ten times, as was checked.
        let side = (f64::from(SMALL_SIDE) * scale) as u32;
        return (side, side);
    }
    let exact = number(input, "width").zip(number(input, "height"));
    let side = match word(input, "resolution") {
        Some("2K" | "4K") => 2 * SIDE,
        None if model.slug == "google/nano-banana-pro" => 2 * SIDE,
        _ => SIDE,
    };
    let by_size =
        || word(input, "size")?.split_once('x').map(|(width, height)| (width.parse(), height.parse()));
    match (exact, by_size()) {
        (Some(size), _) => size,
        (None, Some((Ok(width), Ok(height)))) => (width, height),
        _ => word(input, "aspect_ratio").and_then(|shape| size_of(shape, side)).unwrap_or((side, side)),
    }
}

fn word<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name).and_then(Value::as_str)
}

fn number(input: &Value, name: &str) -> Option<u32> {
    input.get(name).and_then(Value::as_u64).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

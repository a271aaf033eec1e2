//! `POST /v1/text-to-speech/{voice_id}`.

use super::{admit, check_seed, error, read_format};
use crate::{
    endpoint::{Call, Endpoint},
    fault::Scope,
    fields::Object,
    form::Content,
    hash::fnv1a,
    media::{Media, Recipe, Sound, speech_ms},
    reply::Reply,
    trouble::{Invalid, Trouble, Why},
};
use axum::http::HeaderMap;

/// Models and the characters that a text may have.
const MODELS: [(&str, usize); 8] = [
    ("eleven_v3", 5_000),
    ("eleven_multilingual_v2", 10_000),
    ("eleven_monolingual_v1", 10_000),
    ("eleven_multilingual_v1", 10_000),
    ("eleven_flash_v2_5", 40_000),
    ("eleven_turbo_v2_5", 40_000),
    ("eleven_flash_v2", 30_000),
    ("eleven_turbo_v2", 30_000),
];

/// Says a text.
pub(super) struct Speech<'a> {
    pub(super) voice_id: &'a str,
    pub(super) query: &'a str,
}

pub(super) struct Order {
    text: String,
    sound: Sound,
}

impl Endpoint for Speech<'_> {
    type Order = Order;
    const SCOPE: Scope = Scope::Answer;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit(headers)
    }

    fn read(&self, content: Content) -> Result<Order, Trouble> {
        let format = read_format(self.query)?;
        let json = content.json()?;
        let body = Object::at("", &json)?;
        let model = body.text("model_id")?.unwrap_or("eleven_multilingual_v2");
        let Some((_, max)) = MODELS.iter().find(|(known, _)| *known == model) else {
            return Err(Trouble::UnknownModel(model.to_owned()));
        };
        let text = body.require_text_within("text", *max)?;
        let speed = read_settings(&body)?;
        check_seed(&body)?;
        body.one_of("apply_text_normalization", &["auto", "on", "off"])?;
        if model == "eleven_multilingual_v2" && body.get("language_code").is_some() {
            let why = format!("Model '{model}' does not support the language_code parameter.");
            return Err(body.wrong("language_code", Why::Other(why)).into());
        }
        check_voice(self.voice_id)?;
        let seed = fnv1a(format!("{} {model} {text}", self.voice_id).as_bytes());
        Ok(Order { text: text.to_owned(), sound: Sound::new(seed, speech_ms(text, speed), format) })
    }

    fn words<'a>(&self, order: &'a Order) -> &'a str {
        &order.text
    }

    async fn answer(&self, call: &mut Call<Order>) -> Reply {
        let Some(media) = Recipe::Sound(call.order.sound).make().await else {
            return error::error(&Trouble::Internal, &call.id);
        };
        // The service calls every sound this, whatever it is.
        let reply = Reply::media(Media { content_type: "audio/mpeg", ..media });
        let cost = call.order.text.chars().count().to_string();
        reply.with_request_id("request-id", &call.id).with_request_id("character-cost", &cost)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

/// Reads `voice_settings`, and gives the speed.
fn read_settings(body: &Object<'_>) -> Result<f64, Invalid> {
    let Some(settings) = body.object("voice_settings")? else { return Ok(1.0) };
    for name in ["stability", "similarity_boost", "style"] {
        settings.decimal(name, 0.0, 1.0)?;
    }
    settings.flag("use_speaker_boost")?;
    Ok(settings.decimal("speed", 0.7, 1.2)?.unwrap_or(1.0))
}

/// A voice has an id of 20 letters and digits.
fn check_voice(voice_id: &str) -> Result<(), Invalid> {
    if voice_id.len() == 20 && voice_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(Invalid::new("voice_id", Why::ValueNotTaken(voice_id.to_owned())))
}

//! `POST /v1/music`.

use super::{admit, check_seed, error, read_format};
use crate::{
    endpoint::{Call, Endpoint},
    fault::{Fault, Scope},
    fields::Object,
    form::Content,
    hash::fnv1a,
    media::{Media, Recipe, Sound},
    reply::Reply,
    trouble::{Invalid, Trouble, Why},
};
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;

const MAX_PROMPT_CHARS: usize = 4_100;
const MIN_LENGTH_MS: i64 = 3_000;
const MAX_LENGTH_MS: i64 = 600_000;
/// How long a song is, when nobody says.
const DEFAULT_LENGTH_MS: u32 = 30_000;

/// Makes a song.
pub(super) struct Music<'a> {
    pub(super) query: &'a str,
}

pub(super) struct Order {
    prompt: String,
    sound: Sound,
}

impl Endpoint for Music<'_> {
    type Order = Order;
    const SCOPE: Scope = Scope::Answer;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit(headers)
    }

    fn read(&self, content: Content) -> Result<Order, Trouble> {
        let format = read_format(self.query)?;
        let json = content.json()?;
        let body = Object::at("", &json)?;
        body.one_of("model_id", &["music_v1", "music_v2"])?;
        check_seed(&body)?;
        body.flag("force_instrumental")?;
        let (words, length_ms) = match body.object("composition_plan")? {
            Some(plan) => read_plan(&body, &plan)?,
            None => {
                let length_ms = body.integer_within("music_length_ms", MIN_LENGTH_MS, MAX_LENGTH_MS)?;
                let length_ms = length_ms.and_then(|ms| u32::try_from(ms).ok()).unwrap_or(DEFAULT_LENGTH_MS);
                (body.require_text_within("prompt", MAX_PROMPT_CHARS)?.to_owned(), length_ms)
            }
        };
        let sound = Sound::new(fnv1a(words.as_bytes()), length_ms, format);
        Ok(Order { prompt: words, sound })
    }

    fn words<'a>(&self, order: &'a Order) -> &'a str {
        &order.prompt
    }

    /// A prompt is refused with a better one.
    fn trouble(&self, fault: Fault) -> Option<Trouble> {
        fault.trouble().filter(|trouble| !matches!(trouble, Trouble::Refused))
    }

    async fn answer(&self, call: &mut Call<Order>) -> Reply {
        if call.fault == Some(Fault::Refuse) {
            return bad_prompt();
        }
        let Some(media) = Recipe::Sound(call.order.sound).make().await else {
            return error::error(&Trouble::Internal, &call.id);
        };
        let reply = Reply::media(Media { content_type: "audio/mpeg", ..media });
        reply.with_request_id("request-id", &call.id).with_request_id("song-id", &format!("song{}", call.id))
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

/// Reads a plan: the words in it, and the length of its sections together.
fn read_plan(body: &Object<'_>, plan: &Object<'_>) -> Result<(String, u32), Invalid> {
    for name in ["prompt", "music_length_ms"] {
        if body.get(name).is_some() {
            let why = format!("{name} cannot be used together with composition_plan");
            return Err(body.wrong(name, Why::Other(why)));
        }
    }
    let (mut words, mut length_ms) = (Vec::new(), 0_u32);
    for (index, section) in plan.require_list("sections")?.iter().enumerate() {
        let section = Object::at(format!("composition_plan.sections[{index}]"), section)?;
        words.push(section.require_text_within("section_name", 100)?.to_owned());
        section.require("duration_ms")?;
        let ms = section.integer_within("duration_ms", 3_000, 120_000)?.unwrap_or_default();
        length_ms = length_ms.saturating_add(u32::try_from(ms).unwrap_or_default());
    }
    Ok((words.join(" "), length_ms))
}

fn bad_prompt() -> Reply {
    let body = json!({"detail": {
        "status": "bad_prompt",
        "message": "We couldn't complete your request because it appears to violate our Terms of Service.",
        "data": {"prompt_suggestion": "A calm song about the sea."},
    }});
    Reply::json(StatusCode::BAD_REQUEST, &body)
}

//! One row of the catalog.

use super::VendorPrice;
use crate::{
    params::ParamSpec,
    pricing::Pricing,
    time::{Day, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Text from text and images.
    Text,
    /// Pictures.
    Image,
    /// Video.
    Video,
    /// Music.
    Music,
    /// Speech from text.
    Tts,
    /// Text from speech.
    Stt,
    /// Tools that work on a picture.
    Tool,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Image, Self::Video, Self::Music, Self::Tts, Self::Stt, Self::Tool];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Music => "music",
            Self::Tts => "tts",
            Self::Stt => "stt",
            Self::Tool => "tool",
        }
    }
}

/// How a model answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Mode {
    /// In the response.
    #[serde(rename = "sync")]
    Sync,
    /// In the response, or as a stream.
    #[serde(rename = "sync+stream")]
    SyncStream,
    /// Later: the response is 202.
    #[serde(rename = "async")]
    Async,
}

impl Mode {
    /// Its name in the catalog.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::SyncStream => "sync+stream",
            Self::Async => "async",
        }
    }
}

/// The vendor's side of a product. A slug is what we sell; its upstream is configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Upstream {
    /// The vendor's own model id.
    pub model: String,
    /// Settings that this product always sends, by the adapter's names for them.
    pub params: BTreeMap<String, String>,
    /// The last day on which the vendor serves it, where one is announced.
    #[serde(skip)]
    pub retires_on: Option<Day>,
    /// Whether configuration replaced `model`; a retirement day then no longer applies.
    #[serde(skip)]
    pub is_overridden: bool,
}

/// What a fixed price buys at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Characters of all instructions, prompts and messages together; an image in a message counts as
    /// [`crate::text::IMAGE_COUNTS_AS_CHARS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_input_chars: Option<i64>,
    /// The vendor's output tokens, hidden thinking included: ceiling and default of `max_tokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<i64>,
    /// Seconds of sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_audio_s: Option<i64>,
}

/// A model that is sold.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name in the API, and for ever.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it makes.
    pub category: Category,
    /// Who runs it; the name of the adapter.
    pub vendor: String,
    /// What the vendor calls it.
    pub upstream: Upstream,
    /// The lowest plan that may use it.
    pub min_plan: String,
    /// Its price.
    pub pricing: Pricing,
    /// NeuralBox tokens with all defaults.
    pub token_cost: i64,
    /// The least it can cost, in NeuralBox tokens.
    pub min_token_cost: i64,
    /// The most it can cost, in NeuralBox tokens.
    pub max_token_cost: i64,
    /// How it answers.
    pub mode: Mode,
    /// For people, in English.
    pub description_en: String,
    /// For people, in Russian.
    pub description_ru: String,
    /// What it takes.
    pub params: BTreeMap<String, ParamSpec>,
    /// Groups of parameters of which a client may send at most one.
    pub at_most_one_of: Vec<Vec<String>>,
    /// What the price buys at most.
    pub limits: Limits,
    /// Milliseconds that an answer may take that comes at once, or the start of a job, where it is not the time that others
    /// of its category have.
    pub timeout_ms: Option<i64>,
    /// Milliseconds that a job may take from its hold on, where it is not the time that all others have.
    pub job_timeout_ms: Option<i64>,
    /// What the vendor charges, where the catalog knows it.
    pub vendor_price: Option<VendorPrice>,
}

/// Whether a model can be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It can.
    Available,
    /// No adapter of this build speaks its vendor's protocol for this category.
    NotServed,
    /// The vendor has no key.
    NoKey,
    /// The vendor's day for it has passed, and configuration names no successor.
    Retired,
}

impl Availability {
    /// Why it cannot be used, for people; `None` when it can.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Available => None,
            Self::NotServed => Some("this version of the service does not serve this model"),
            Self::NoKey => Some("the vendor is not configured"),
            Self::Retired => Some("the vendor has retired this model"),
        }
    }
}

impl Model {
    /// Whether the vendor's last day for it has passed without a successor being configured.
    pub fn is_retired(&self, now: Timestamp) -> bool {
        !self.upstream.is_overridden && self.upstream.retires_on.is_some_and(|day| day.has_passed(now))
    }

    /// Whether it can answer as a stream.
    pub fn supports_streaming(&self) -> bool {
        self.mode == Mode::SyncStream
    }

    /// Replaces the vendor's model id, after which its retirement day no longer applies.
    pub fn override_upstream(&mut self, model: String) {
        self.upstream.model = model;
        self.upstream.is_overridden = true;
    }

    /// Replaces the voices that a client may choose from; the first one is the default unless the old default is among them.
    ///
    /// # Errors
    /// What is wrong: the model has no voices, or the list is empty or has an empty one.
    pub fn override_voices(&mut self, voices: Vec<String>) -> Result<(), &'static str> {
        let Some(ParamSpec::Choice { allowed, default }) = self.params.get_mut("voice_id") else {
            return Err("is for models with voices");
        };
        if voices.is_empty() || voices.iter().any(|voice| voice.trim().is_empty()) {
            return Err("must name a voice at least, and none without a name");
        }
        if !default.as_ref().is_some_and(|voice| voices.contains(voice)) {
            *default = voices.first().cloned();
        }
        *allowed = voices;
        Ok(())
    }

    /// Replaces limits; the bounds of the parameters that follow from them follow.
    ///
    /// # Errors
    /// Names the limit that is out of range; nothing has changed then.
    pub fn override_limits(&mut self, limits: Limits) -> Result<(), BadLimit> {
        let least_one = [("max_input_chars", limits.max_input_chars), ("max_audio_s", limits.max_audio_s)];
        if let Some((limit, _)) = least_one.into_iter().find(|(_, value)| value.is_some_and(|n| n < 1)) {
            return Err(BadLimit { limit, message: "must be above 0".to_owned() });
        }
        if let (Some(ParamSpec::Integer { min, max, default }), Some(ceiling)) =
            (self.params.get_mut("max_tokens"), limits.max_output_tokens)
        {
            if ceiling < *min {
                return Err(BadLimit {
                    limit: "max_output_tokens",
                    message: format!("must be at least {min}"),
                });
            }
            *max = ceiling;
            *default = Some(ceiling);
        }
        // Elsewhere the vendor's own limit on a text stands beside ours.
        let follow: &[&str] = if self.category == Category::Text { &["prompt", "system"] } else { &[] };
        for name in follow {
            if let (Some(ParamSpec::Text { max_chars, .. }), Some(limit)) =
                (self.params.get_mut(*name), limits.max_input_chars)
            {
                *max_chars = limit;
            }
        }
        self.limits = limits;
        Ok(())
    }
}

/// A limit that a model cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} {message}")]
pub struct BadLimit {
    /// Which.
    pub limit: &'static str,
    /// What is wrong.
    pub message: String,
}

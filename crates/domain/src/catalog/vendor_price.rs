//! What a vendor charges for a generation, as far as the catalog knows. It never moves a price: it says what our own bill
//! will be, and which prices do not cover it.

use super::{Category, Model};
use crate::{
    params::{ParamSpec, Params},
    port::Usage,
    text::count_chars,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How a vendor's charge follows from what was made, in micro-dollars.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum VendorPrice {
    /// By a million of the vendor's tokens.
    Tokens {
        /// Input that was not cached.
        input_micro_usd_per_mtok: i64,
        /// Input that the vendor had cached.
        cached_input_micro_usd_per_mtok: i64,
        /// Output, hidden thinking included.
        output_micro_usd_per_mtok: i64,
    },
    /// The same for each generation.
    PerGeneration {
        /// One generation.
        cost_micro_usd: i64,
    },
    /// By `duration`.
    PerSecond {
        /// One second of what is made.
        cost_micro_usd_per_second: i64,
    },
    /// By the length of the text.
    PerMillionChars {
        /// A million characters.
        cost_micro_usd_per_million_chars: i64,
        /// Whether a Chinese character counts as two, on the vendor's bill and against the limits of the model.
        #[serde(default)]
        han_counts_twice: bool,
    },
    /// By the length of the sound that comes in.
    PerMinute {
        /// One minute.
        cost_micro_usd_per_minute: i64,
    },
    /// By `quality` and `size`, and by what comes in where the vendor charges for that.
    ByCell {
        /// One generation, by quality, then size.
        cells_micro_usd: BTreeMap<String, BTreeMap<String, i64>>,
        /// A million of the vendor's tokens of the prompt.
        #[serde(default)]
        prompt_micro_usd_per_mtok: i64,
        /// A picture that comes in.
        #[serde(default)]
        input_image_micro_usd: i64,
    },
}

/// Vendor tokens that one character of input can become at worst. Tokenizers make about 0.25 of English and 0.5 of
/// Russian, and seldom more than 2 of anything.
pub(super) const WORST_INPUT_TOKENS_PER_CHAR: i64 = 2;

/// Parameters that hold words for the model.
pub(super) const PROSE: [&str; 4] = ["prompt", "text", "system", "negative_prompt"];

/// What was measured of a generation, where it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// The vendor's tokens that it used.
    pub usage: Option<Usage>,
    /// Milliseconds of the sound that came in.
    pub input_audio_ms: Option<i64>,
}

/// What a charge follows from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quantity<'a> {
    pub(super) quality: Option<&'a str>,
    pub(super) size: Option<&'a str>,
    pub(super) duration_s: Option<i64>,
    pub(super) chars: i64,
    pub(super) has_image: bool,
    pub(super) measured: Measured,
}

impl Model {
    /// What the vendor charges for a finished generation, in micro-dollars, rounded up. `None` when the catalog does not know
    /// its prices, or what they go by was not measured. Where the vendor does not tell the tokens of a prompt, or a sound
    /// how long it is, as many count as there can be.
    pub fn vendor_cost_micro_usd(&self, params: &Params, mut measured: Measured) -> Option<i64> {
        let longest_ms = self.limits.max_audio_s.map(|s| s.saturating_mul(1_000));
        measured.input_audio_ms = measured.input_audio_ms.or(longest_ms);
        let quantity = Quantity {
            quality: params.text("quality"),
            size: params.text("size"),
            duration_s: params.integer("duration"),
            chars: self.chars_of_prose(params),
            has_image: params.text("image_url").is_some(),
            measured,
        };
        self.vendor_price.as_ref()?.cost_micro_usd(&quantity)
    }

    /// Characters of all words for the model, as its vendor counts them.
    pub(super) fn chars_of_prose(&self, params: &Params) -> i64 {
        let han_counts_twice =
            matches!(self.vendor_price, Some(VendorPrice::PerMillionChars { han_counts_twice: true, .. }));
        let texts = PROSE.iter().filter_map(|name| params.text(name));
        let chars = texts.map(|text| {
            let twice = if han_counts_twice { text.chars().filter(|c| is_han(*c)).count() } else { 0 };
            count_chars(text).saturating_add(i64::try_from(twice).unwrap_or(i64::MAX))
        });
        chars.fold(0, i64::saturating_add)
    }
}

/// Chinese characters: the blocks of Unified Ideographs with their extensions, and of the compatibility ones.
fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

impl VendorPrice {
    /// The charge, rounded up; stops at the largest integer.
    pub(super) fn cost_micro_usd(&self, quantity: &Quantity<'_>) -> Option<i64> {
        match self {
            Self::Tokens {
                input_micro_usd_per_mtok,
                cached_input_micro_usd_per_mtok,
                output_micro_usd_per_mtok,
            } => {
                let usage = quantity.measured.usage?;
                let cached = usage.cached_input_tokens.min(usage.input_tokens);
                let fresh = usage.input_tokens.saturating_sub(cached);
                let pico_usd = fresh
                    .saturating_mul(*input_micro_usd_per_mtok)
                    .saturating_add(cached.saturating_mul(*cached_input_micro_usd_per_mtok))
                    .saturating_add(usage.output_tokens.saturating_mul(*output_micro_usd_per_mtok));
                Some(per_million(pico_usd))
            }
            Self::PerGeneration { cost_micro_usd } => Some(*cost_micro_usd),
            Self::PerSecond { cost_micro_usd_per_second } => {
                Some(quantity.duration_s?.saturating_mul(*cost_micro_usd_per_second))
            }
            Self::PerMillionChars { cost_micro_usd_per_million_chars, .. } => {
                Some(per_million(quantity.chars.saturating_mul(*cost_micro_usd_per_million_chars)))
            }
            Self::PerMinute { cost_micro_usd_per_minute } => {
                let minute_parts =
                    quantity.measured.input_audio_ms?.saturating_mul(*cost_micro_usd_per_minute);
                Some(minute_parts.saturating_add(59_999) / 60_000)
            }
            Self::ByCell { cells_micro_usd, prompt_micro_usd_per_mtok, input_image_micro_usd } => {
                let cell = *cells_micro_usd.get(quantity.quality?)?.get(quantity.size?)?;
                let prompt_tokens = quantity.chars.saturating_mul(WORST_INPUT_TOKENS_PER_CHAR);
                let prompt = per_million(prompt_tokens.saturating_mul(*prompt_micro_usd_per_mtok));
                let image = if quantity.has_image { *input_image_micro_usd } else { 0 };
                Some(cell.saturating_add(prompt).saturating_add(image))
            }
        }
    }

    /// Every figure, by the field that holds it.
    pub(super) fn figures(&self) -> Vec<(String, i64)> {
        let named = |name: &str, figure: &i64| (name.to_owned(), *figure);
        match self {
            Self::Tokens {
                input_micro_usd_per_mtok,
                cached_input_micro_usd_per_mtok,
                output_micro_usd_per_mtok,
            } => vec![
                named("input_micro_usd_per_mtok", input_micro_usd_per_mtok),
                named("cached_input_micro_usd_per_mtok", cached_input_micro_usd_per_mtok),
                named("output_micro_usd_per_mtok", output_micro_usd_per_mtok),
            ],
            Self::PerGeneration { cost_micro_usd } => vec![named("cost_micro_usd", cost_micro_usd)],
            Self::PerSecond { cost_micro_usd_per_second } => {
                vec![named("cost_micro_usd_per_second", cost_micro_usd_per_second)]
            }
            Self::PerMillionChars { cost_micro_usd_per_million_chars, .. } => {
                vec![named("cost_micro_usd_per_million_chars", cost_micro_usd_per_million_chars)]
            }
            Self::PerMinute { cost_micro_usd_per_minute } => {
                vec![named("cost_micro_usd_per_minute", cost_micro_usd_per_minute)]
            }
            Self::ByCell { cells_micro_usd, prompt_micro_usd_per_mtok, input_image_micro_usd } => {
                let cells = cells_micro_usd.iter().flat_map(|(quality, sizes)| {
                    sizes.iter().map(move |(size, cost)| (format!("cells_micro_usd.{quality}.{size}"), *cost))
                });
                let others = [
                    named("prompt_micro_usd_per_mtok", prompt_micro_usd_per_mtok),
                    named("input_image_micro_usd", input_image_micro_usd),
                ];
                cells.chain(others).collect()
            }
        }
    }

    /// What a model must have for this price to be worked out beforehand; the field that is missing.
    pub(super) fn missing_in(&self, model: &Model) -> Option<&'static str> {
        let is_there = match self {
            Self::Tokens { .. } => model.category == Category::Text,
            Self::PerGeneration { .. } => true,
            Self::PerSecond { .. } => {
                let duration = model.params.get("duration");
                matches!(duration, Some(ParamSpec::Integer { .. } | ParamSpec::IntegerChoice { .. }))
            }
            Self::PerMillionChars { .. } => model.max_chars() > 0,
            Self::PerMinute { .. } => model.limits.max_audio_s.is_some(),
            Self::ByCell { .. } => model.worst_vendor_cost_micro_usd().is_some(),
        };
        let field = match self {
            Self::Tokens { .. } => "category",
            Self::PerGeneration { .. } => "vendor_price",
            Self::PerSecond { .. } => "params.duration",
            Self::PerMillionChars { .. } => "params.text",
            Self::PerMinute { .. } => "limits.max_audio_s",
            Self::ByCell { .. } => "vendor_price.cells_micro_usd",
        };
        (!is_there).then_some(field)
    }
}

fn per_million(parts: i64) -> i64 {
    parts.saturating_add(999_999) / 1_000_000
}

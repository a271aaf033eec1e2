//! What the dearest generation that the limits let through costs at the vendor, against what it earns.

use super::{
    Model, VendorPrice,
    vendor_price::{Measured, PROSE, Quantity, WORST_INPUT_TOKENS_PER_CHAR},
};
use crate::{
    params::{ParamSpec, ParamValue, Params},
    port::Usage,
};

/// What a generation costs and earns when everything that a client may choose goes against us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorstCase {
    /// What the vendor charges, in micro-dollars.
    pub vendor_cost_micro_usd: i64,
    /// What the client pays, in NeuralBox tokens.
    pub price_tokens: i64,
}

impl WorstCase {
    /// What it loses when a token earns `token_value_micro_usd`; negative when it earns.
    pub fn loss_micro_usd(&self, token_value_micro_usd: i64) -> i64 {
        self.vendor_cost_micro_usd.saturating_sub(self.price_tokens.saturating_mul(token_value_micro_usd))
    }
}

/// What would bring a model's worst case under its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// This limit, or the most that this parameter takes, at this value or below.
    Limit {
        /// Its name in the catalog.
        name: &'static str,
        /// The largest value that will do.
        most: i64,
    },
    /// No limit does: the vendor's charge has to fall, or the price to rise.
    None,
}

impl Model {
    /// What the vendor charges for the dearest generation that the limits let through, in micro-dollars; `None`
    /// when the catalog does not know its prices.
    pub fn worst_vendor_cost_micro_usd(&self) -> Option<i64> {
        self.cases()?.into_iter().map(|case| case.vendor_cost_micro_usd).max()
    }

    /// What the vendor may charge for a generation with `params`, in micro-dollars, while nothing of it is measured; `None`
    /// when the catalog does not know its prices.
    pub fn most_vendor_cost_micro_usd(&self, params: &Params) -> Option<i64> {
        let mut most = self.most_measured();
        if let (Some(usage), Some(max_tokens)) = (&mut most.usage, params.integer("max_tokens")) {
            usage.output_tokens = usage.output_tokens.min(max_tokens);
        }
        self.vendor_cost_micro_usd(params, most)
    }

    /// The case that loses the most, or earns the least, when a token earns `token_value_micro_usd`; `None` when the
    /// catalog does not know the vendor's prices.
    pub fn worst_case(&self, token_value_micro_usd: i64) -> Option<WorstCase> {
        self.cases()?.into_iter().max_by_key(|case| case.loss_micro_usd(token_value_micro_usd))
    }

    /// What would keep the worst case within the price, all else unchanged; `None` when nothing is needed, or known.
    pub fn remedy(&self, token_value_micro_usd: i64) -> Option<Remedy> {
        let fits = |model: &Self| {
            let worst = model.worst_case(token_value_micro_usd);
            worst.is_none_or(|worst| worst.loss_micro_usd(token_value_micro_usd) <= 0)
        };
        if fits(self) {
            return None;
        }
        let Some((name, least, now)) = self.knob() else { return Some(Remedy::None) };
        let (mut most, mut too_much) = (least.saturating_sub(1), now);
        while too_much.saturating_sub(most) > 1 {
            let middle = most.midpoint(too_much);
            if fits(&self.with_knob(middle)) {
                most = middle;
            } else {
                too_much = middle;
            }
        }
        Some(if most < least { Remedy::None } else { Remedy::Limit { name, most } })
    }

    /// The one thing to turn on which the charge depends: its name, its least value, and its value now.
    fn knob(&self) -> Option<(&'static str, i64, i64)> {
        match (self.vendor_price.as_ref()?, self.params.get("duration")) {
            (VendorPrice::Tokens { .. }, _) => Some(("max_output_tokens", 1, self.limits.max_output_tokens?)),
            (VendorPrice::PerMillionChars { .. } | VendorPrice::ByCell { .. }, _) => {
                Some(("max_input_chars", 1, self.max_chars()))
            }
            (VendorPrice::PerMinute { .. }, _) => Some(("max_audio_s", 1, self.limits.max_audio_s?)),
            (VendorPrice::PerSecond { .. }, Some(ParamSpec::Integer { min, max, .. })) => {
                Some(("params.duration.max", *min, *max))
            }
            (VendorPrice::PerSecond { .. } | VendorPrice::PerGeneration { .. }, _) => None,
        }
    }

    /// This model with the knob turned to `value`.
    fn with_knob(&self, value: i64) -> Self {
        let mut model = self.clone();
        match (&self.vendor_price, model.params.get_mut("duration")) {
            (Some(VendorPrice::Tokens { .. }), _) => model.limits.max_output_tokens = Some(value),
            (Some(VendorPrice::PerMinute { .. }), _) => model.limits.max_audio_s = Some(value),
            (Some(VendorPrice::PerSecond { .. }), Some(ParamSpec::Integer { max, .. })) => *max = value,
            _ => model.limits.max_input_chars = Some(value),
        }
        model
    }

    /// Characters that a request may carry.
    pub(super) fn max_chars(&self) -> i64 {
        let longest = PROSE.iter().map(|name| match self.params.get(*name) {
            Some(ParamSpec::Text { max_chars, .. }) => *max_chars,
            _ => 0,
        });
        let longest = longest.fold(0, i64::saturating_add);
        self.limits.max_input_chars.map_or(longest, |limit| limit.min(longest))
    }

    /// A case for each choice that a price or a charge goes by, all else at its most.
    fn cases(&self) -> Option<Vec<WorstCase>> {
        let vendor_price = self.vendor_price.as_ref()?;
        let mut cases = Vec::new();
        for quality in self.words("quality") {
            for size in self.words("size") {
                for duration_s in self.durations_s() {
                    let quantity = Quantity {
                        quality,
                        size,
                        duration_s,
                        chars: self.max_chars(),
                        has_image: self.params.contains_key("image_url"),
                        measured: self.most_measured(),
                    };
                    cases.push(WorstCase {
                        vendor_cost_micro_usd: vendor_price.cost_micro_usd(&quantity)?,
                        price_tokens: self.pricing.price_tokens(&params(quality, size, duration_s))?,
                    });
                }
            }
        }
        Some(cases)
    }

    fn most_measured(&self) -> Measured {
        let input_tokens = self.limits.max_input_chars.map(|n| n.saturating_mul(WORST_INPUT_TOKENS_PER_CHAR));
        let usage = input_tokens.zip(self.limits.max_output_tokens).map(|(input_tokens, output_tokens)| {
            Usage { input_tokens, cached_input_tokens: 0, output_tokens }
        });
        Measured { usage, input_audio_ms: self.limits.max_audio_s.map(|s| s.saturating_mul(1_000)) }
    }

    /// The choices of a parameter; one that is none where there are no choices.
    fn words(&self, name: &str) -> Vec<Option<&str>> {
        match self.params.get(name) {
            Some(ParamSpec::Choice { allowed, .. }) => {
                allowed.iter().map(|word| Some(word.as_str())).collect()
            }
            _ => vec![None],
        }
    }

    fn durations_s(&self) -> Vec<Option<i64>> {
        match self.params.get("duration") {
            Some(ParamSpec::IntegerChoice { allowed, .. }) => allowed.iter().copied().map(Some).collect(),
            Some(ParamSpec::Integer { max, .. }) => vec![Some(*max)],
            _ => vec![None],
        }
    }
}

fn params(quality: Option<&str>, size: Option<&str>, duration_s: Option<i64>) -> Params {
    let word = |word: &str| ParamValue::Text(word.to_owned());
    let values = [
        ("quality", quality.map(word)),
        ("size", size.map(word)),
        ("duration", duration_s.map(ParamValue::Integer)),
    ];
    let values = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Params { values: values.collect() }
}

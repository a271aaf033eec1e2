//! A model of the catalog.

use app::App;
use domain::{
    catalog::{Category, Limits, Model},
    params::ParamSpec,
    pricing::PricingType,
    text::{IMAGE_COUNTS_AS_CHARS, ImageForm},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// A model and what it takes.
#[derive(Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelBody<'a> {
    slug: &'a str,
    name: &'a str,
    #[schema(value_type = String)]
    category: Category,
    provider: &'a str,
    min_plan: &'a str,
    token_cost: i64,
    min_token_cost: i64,
    max_token_cost: i64,
    #[schema(value_type = String)]
    pricing_type: PricingType,
    description_en: &'a str,
    description_ru: &'a str,
    supports_streaming: bool,
    available: bool,
    unavailable_reason: Option<&'static str>,
    /// `mode`, `parameters` with their bounds and defaults, and what the price buys at most.
    #[schema(value_type = Object)]
    config: Map<String, Value>,
}

impl<'a> ModelBody<'a> {
    pub(crate) fn of(app: &App, model: &'a Model) -> Self {
        let unavailable_reason = app.availability(model).reason();
        Self {
            slug: &model.slug,
            name: &model.name,
            category: model.category,
            provider: &model.vendor,
            min_plan: &model.min_plan,
            token_cost: model.token_cost,
            min_token_cost: model.min_token_cost,
            max_token_cost: model.max_token_cost,
            pricing_type: model.pricing.pricing_type(),
            description_en: &model.description_en,
            description_ru: &model.description_ru,
            supports_streaming: model.supports_streaming(),
            available: unavailable_reason.is_none(),
            unavailable_reason,
            config: config(model),
        }
    }
}

/// What a model takes: its parameters with their bounds and defaults, and what its price buys at most.
fn config(model: &Model) -> Map<String, Value> {
    let parameters = model.params.iter().map(|(name, spec)| (name.clone(), parameter(spec, &model.limits)));
    let mut config = Map::from_iter([
        ("mode".to_owned(), json!(model.mode.name())),
        ("parameters".to_owned(), Value::Object(parameters.collect())),
    ]);
    let limits = [
        ("max_input_chars", model.limits.max_input_chars),
        ("max_output_tokens", model.limits.max_output_tokens),
        ("max_audio_s", model.limits.max_audio_s),
    ];
    let known = limits.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), json!(limit?))));
    config.extend(known);
    if takes_images(model) {
        config.insert("image_counts_as_chars".to_owned(), json!(IMAGE_COUNTS_AS_CHARS));
    }
    if !model.at_most_one_of.is_empty() {
        config.insert("at_most_one_of".to_owned(), json!(model.at_most_one_of));
    }
    config
}

fn takes_images(model: &Model) -> bool {
    let messages = model.params.get("messages");
    matches!(messages, Some(ParamSpec::Messages { images }) if !images.is_empty())
}

fn parameter(spec: &ParamSpec, limits: &Limits) -> Value {
    let mut body = match spec {
        ParamSpec::Choice { allowed, default } => {
            json!({ "type": "string", "allowed": allowed, "default": default })
        }
        ParamSpec::IntegerChoice { allowed, default } => {
            json!({ "type": "integer", "allowed": allowed, "default": default })
        }
        ParamSpec::Integer { min, max, default } => {
            json!({ "type": "integer", "min": min, "max": max, "default": default })
        }
        ParamSpec::Decimal { min, max } => {
            json!({ "type": "number", "min": min.to_json(), "max": max.to_json(), "default": null })
        }
        ParamSpec::Boolean { default } => json!({ "type": "boolean", "default": default }),
        ParamSpec::Text { max_chars, .. } => {
            let max_chars = limits.max_input_chars.map_or(*max_chars, |limit| limit.min(*max_chars));
            json!({ "type": "string", "max_chars": max_chars })
        }
        ParamSpec::Url { .. } => json!({ "type": "url" }),
        ParamSpec::Messages { images } => {
            let forms = images.iter().map(|form| match form {
                ImageForm::Url => "url",
                ImageForm::Data => "data_url",
            });
            json!({ "type": "messages", "images": forms.collect::<Vec<_>>() })
        }
    };
    body["required"] = json!(spec.is_required());
    body
}

/// One of them, for the documentation.
pub(crate) fn example() -> Value {
    json!({
        "slug": "musicgen", "name": "MusicGen", "category": "music", "provider": "replicate", "min_plan": "free",
        "token_cost": 10, "min_token_cost": 10, "max_token_cost": 10, "pricing_type": "fixed",
        "description_en": "Music from a description.", "description_ru": "Музыка по описанию.",
        "supports_streaming": false, "available": true, "unavailable_reason": null,
        "config": { "mode": "async", "parameters": {
            "prompt": { "type": "string", "max_chars": 2_000, "required": true },
            "duration": { "type": "integer", "min": 15, "max": 120, "default": 30, "required": false },
        }},
    })
}

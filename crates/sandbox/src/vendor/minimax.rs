//! MiniMax: speech, whose errors come with HTTP 200 and a code inside.
//!
//! The vendor publishes no description; shapes follow its documentation.

mod error;
mod request;

use crate::{
    deliver::HTML,
    endpoint::{self, Call, Endpoint},
    fault::{Fault, Scope},
    form::Content,
    media::{Recipe, Sound},
    protocol::with_fallbacks,
    reply::Reply,
    service::Service,
    trouble::Trouble,
    vendor::chat::admit_bearer,
};
use axum::{
    Router,
    http::{HeaderMap, StatusCode},
};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Service>> {
    with_fallbacks(Router::new().route("/v1/t2a_v2", endpoint::post(Speech)), error::error)
}

/// `POST /v1/t2a_v2`.
#[derive(Clone, Copy)]
struct Speech;

/// Speech that is asked for.
struct Order {
    text: String,
    sound: Sound,
    format: &'static str,
    rate_hz: u32,
    bitrate: i64,
    channels: i64,
    /// Whether the answer is to have a URL.
    by_url: bool,
}

impl Endpoint for Speech {
    type Order = Order;
    const SCOPE: Scope = Scope::Answer;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit_bearer(headers)
    }

    fn read(&self, content: Content) -> Result<Order, Trouble> {
        request::read(&content.json()?)
    }

    fn words<'a>(&self, order: &'a Order) -> &'a str {
        &order.text
    }

    async fn answer(&self, call: &mut Call<Order>) -> Reply {
        let recipe = Recipe::Sound(call.order.sound);
        let Some(media) = recipe.clone().make().await else {
            return error::error(&Trouble::Internal, &call.id);
        };
        let audio = if call.order.by_url {
            let fault = call.take_result_fault();
            call.service.result_url(&recipe, fault)
        } else if call.fault.take_if(|fault| *fault == Fault::WrongType).is_some() {
            hex::encode(HTML)
        } else {
            hex::encode(&media.bytes)
        };
        let body = json!({
            "data": {"audio": audio, "status": 2, "ced": ""},
            "extra_info": extra_info(&call.order, media.bytes.len()),
            "trace_id": call.id,
            "base_resp": {"status_code": 0, "status_msg": "success"},
        });
        Reply::json(StatusCode::OK, &body)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

fn extra_info(order: &Order, bytes: usize) -> Value {
    json!({
        "audio_length": order.sound.real_ms(),
        "audio_sample_rate": order.rate_hz,
        "audio_size": bytes,
        "bitrate": order.bitrate,
        "word_count": order.text.split_whitespace().count(),
        "invisible_character_ratio": 0,
        "usage_characters": usage_characters(&order.text),
        "audio_format": order.format,
        "audio_channel": order.channels,
    })
}

/// A Chinese character counts as two.
fn usage_characters(text: &str) -> usize {
    text.chars().map(|c| if ('\u{4e00}'..='\u{9fff}').contains(&c) { 2 } else { 1 }).sum()
}

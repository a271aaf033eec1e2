//! `POST /images/generations` and `POST /images/edits`.

mod request;

use super::{error, finished};
use crate::{
    answer::count_words,
    deliver::HTML,
    endpoint::{Call, Endpoint},
    fault::{Fault, Scope},
    form::Content,
    hash::fnv1a,
    media::{Picture, PictureFormat, Recipe},
    reply::Reply,
    trouble::Trouble,
    vendor::{CREATED_UNIX_S, chat::admit_bearer},
};
use axum::http::{HeaderMap, StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// The two families of models, which share an endpoint and little else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    DallE3,
    GptImage,
}

/// A picture that is asked for.
#[derive(Debug)]
pub(super) struct Order {
    family: Family,
    prompt: String,
    count: u32,
    /// Pictures that came with it.
    inputs: usize,
    size: (u32, u32),
    quality: &'static str,
    background: &'static str,
    format: PictureFormat,
    format_name: &'static str,
    /// Whether the answer is to have URLs.
    by_url: bool,
}

/// Makes pictures. How a request is read is all that parts the two endpoints.
#[derive(Clone, Copy)]
pub(super) struct Images(fn(Content) -> Result<Order, Trouble>);

/// From words.
pub(super) const GENERATIONS: Images = Images(request::generation);

/// From pictures and words.
pub(super) const EDITS: Images = Images(request::edit);

impl Endpoint for Images {
    type Order = Order;
    const SCOPE: Scope = Scope::Answer;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit_bearer(headers)
    }

    fn read(&self, content: Content) -> Result<Order, Trouble> {
        (self.0)(content)
    }

    fn words<'a>(&self, order: &'a Order) -> &'a str {
        &order.prompt
    }

    /// A refusal depends on the model, so it is part of the answer.
    fn trouble(&self, fault: Fault) -> Option<Trouble> {
        fault.trouble().filter(|trouble| !matches!(trouble, Trouble::Refused))
    }

    async fn answer(&self, call: &mut Call<Order>) -> Reply {
        answer(call).await
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error(trouble, id)
    }
}

async fn answer(call: &mut Call<Order>) -> Reply {
    if call.fault == Some(Fault::Refuse) {
        return refusal(call.order.family, &call.id);
    }
    let mut data = Vec::new();
    // A result that is only named can be wrong without the answer being so.
    let fault = if call.order.by_url { call.take_result_fault() } else { None };
    let is_page = !call.order.by_url && call.fault.take_if(|fault| *fault == Fault::WrongType).is_some();
    for index in 0..call.order.count {
        let recipe = recipe(&call.order, index);
        let picture = match (call.order.by_url, is_page) {
            (true, _) => json!({"url": call.service.result_url(&recipe, fault)}),
            (false, true) => json!({"b64_json": STANDARD.encode(HTML)}),
            (false, false) => match recipe.make().await {
                Some(media) => json!({"b64_json": STANDARD.encode(&media.bytes)}),
                None => return error(&Trouble::Internal, &call.id),
            },
        };
        data.push(described(picture, &call.order));
    }
    finished(Reply::json(StatusCode::OK, &body(&call.order, &data)), &call.id)
}

fn recipe(order: &Order, index: u32) -> Recipe {
    let seed = fnv1a(order.prompt.as_bytes()).wrapping_add(u64::from(index));
    let picture = Picture::new(seed, order.size, order.format);
    Recipe::Picture(picture.cut_out(order.background == "transparent"))
}

fn described(mut picture: Value, order: &Order) -> Value {
    if order.family == Family::DallE3 {
        picture["revised_prompt"] = json!(format!("A picture of: {}", order.prompt));
    }
    picture
}

fn body(order: &Order, data: &[Value]) -> Value {
    let mut body = Map::new();
    body.insert("created".to_owned(), json!(CREATED_UNIX_S));
    body.insert("data".to_owned(), json!(data));
    if order.family == Family::GptImage {
        let (width, height) = order.size;
        body.insert("background".to_owned(), json!(order.background));
        body.insert("output_format".to_owned(), json!(order.format_name));
        body.insert("quality".to_owned(), json!(order.quality));
        body.insert("size".to_owned(), json!(format!("{width}x{height}")));
        body.insert("usage".to_owned(), usage(order));
    }
    Value::Object(body)
}

/// Tokens, about as the vendor counts them: by quality, and half as many again for the long sizes.
fn usage(order: &Order) -> Value {
    let square = match order.quality {
        "low" => 272,
        "medium" => 1056,
        _ => 4160,
    };
    let each = if order.size == (1024, 1024) { square } else { square + square / 2 };
    let output = each * u64::from(order.count);
    let (text, image) = (count_words(&order.prompt) as u64, 323 * order.inputs as u64);
    json!({
        "input_tokens": text + image,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image},
        "output_tokens": output,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
        "total_tokens": text + image + output,
    })
}

fn refusal(family: Family, id: &str) -> Reply {
    match family {
        Family::DallE3 => error(&Trouble::Refused, id),
        Family::GptImage => {
            let body = json!({"error": {
                "message": "Your request was rejected by the safety system. safety_violations=[violence].",
                "type": "image_generation_user_error",
                "param": null,
                "code": "moderation_blocked",
                "moderation_details": {"moderation_stage": "input", "categories": ["violence"]},
            }});
            finished(Reply::json(StatusCode::BAD_REQUEST, &body), id)
        }
    }
}

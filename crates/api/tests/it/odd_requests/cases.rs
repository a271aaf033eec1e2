//! What the requests are made of.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use reqwest::header::HeaderValue;
use serde_json::{Map, Value};

/// Names that mean something somewhere, and others.
pub(super) fn name() -> impl Strategy<Value = String> {
    let known =
        "model prompt messages params system role content type text image_url url size quality count \
        duration stream max_tokens temperature tools tool_choice function name parameters arguments \
        tool_calls tool_call_id id response_format json_schema schema stop n input voice format \
        webhook_url event object status amount value currency metadata payment_id update_id message \
        successful_payment invoice_payload total_amount"
            .split(' ')
            .collect::<Vec<_>>();
    prop_oneof![4 => select(known).prop_map(str::to_owned), 1 => ".{0,12}"]
}

pub(super) fn word() -> impl Strategy<Value = String> {
    let known =
        "user assistant system tool text function auto json_schema json_object 1024x1024 hd gpt-5 1e999 \
        -0 \u{0} payment.succeeded succeeded RUB 449.00 XTR"
            .split(' ')
            .collect::<Vec<_>>();
    prop_oneof![2 => select(known).prop_map(str::to_owned), 1 => "\\PC{0,40}", 1 => ".{0,40}"]
}

pub(super) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..20_i64).prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((name(), inner), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

pub(super) fn object() -> impl Strategy<Value = Map<String, Value>> {
    vec((name(), value()), 0..6).prop_map(|fields| fields.into_iter().collect())
}

/// A model of each kind.
pub(super) fn slug() -> impl Strategy<Value = &'static str> {
    select(vec![
        "gpt-5",
        "deepseek-v3",
        "claude-haiku-4.5",
        "gpt-image-1.5",
        "dall-e-3",
        "midjourney-v6",
        "kling-v2.1",
        "musicgen",
        "elevenlabs-v2",
        "whisper",
        "upscale",
        "face-swap",
        "none",
    ])
}

pub(super) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..400), "[a-z{}\\[\\]\":,0-9.\\-\\\\]{0,200}".prop_map(String::into_bytes),]
}

pub(super) type Damage = Vec<(Index, u8, bool)>;

/// Bytes that are set to others, and ends that are cut off.
pub(super) fn damage() -> impl Strategy<Value = Damage> {
    vec((any::<Index>(), any::<u8>(), prop::bool::weighted(0.2)), 0..6)
}

pub(super) fn damaged(mut body: Vec<u8>, damage: &Damage) -> Vec<u8> {
    for (index, byte, is_cut) in damage {
        let at = index.index(body.len());
        if *is_cut { body.truncate(at.max(1)) } else { body[at] = *byte }
    }
    body
}

/// Whatever a header may hold on the wire.
pub(super) fn header() -> impl Strategy<Value = HeaderValue> {
    let known = vec![
        "Bearer",
        "Bearer nb_",
        "bytes=0-",
        "bytes=-0",
        "bytes=5-2",
        "bytes=0-0,2-3",
        "bytes=18446744073709551616-",
        "wait=-1",
        "wait=1e9, respond-async",
        "W/\"a\"",
        "*",
        "1795305600",
        "v1,AAAA",
        "neuralbox_refresh=a",
        "127.0.0.1, [::1]:80, x",
    ];
    let odd = vec(prop_oneof![8 => 32..127_u8, 1 => 128..=255_u8, 1 => Just(9_u8)], 0..120);
    prop_oneof![
        1 => select(known).prop_map(HeaderValue::from_static),
        1 => odd.prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap()),
    ]
}

/// As it stands in a path or a query.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

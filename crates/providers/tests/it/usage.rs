//! What adapters believe of what vendors say they used.

use crate::subject::{SUBJECTS, Subject};
use domain::port::Usage;
use http::StatusCode;
use providers::Response;
use serde_json::{Value, json};

/// Where each vendor puts its counts, and the counts without which there is no usage.
const PLACES: [(&str, &str, &[&str]); 6] = [
    ("openai", "usage", &["prompt_tokens", "completion_tokens"]),
    ("openai_responses", "usage", &["input_tokens", "output_tokens"]),
    ("anthropic", "usage", &["input_tokens", "output_tokens"]),
    ("google", "usageMetadata", &["promptTokenCount"]),
    ("deepseek", "usage", &["prompt_tokens", "completion_tokens"]),
    ("xai", "usage", &["prompt_tokens", "completion_tokens"]),
];

/// The usage of a good answer in which `change` changed what the vendor says of it.
fn usage_after(name: &str, change: impl FnOnce(&mut Value)) -> Option<Usage> {
    let subject = Subject::named(name);
    let mut answer: Value = serde_json::from_slice(&subject.fixture("answer.json")).unwrap();
    change(&mut answer);
    let response = Response { status: StatusCode::OK, body: answer.to_string().into_bytes() };
    subject.chat().decode(&subject.call(false), &response).unwrap().usage
}

#[test]
fn impossible_counts_are_left_out_without_failing_the_answer() {
    assert_eq!(PLACES.map(|(name, ..)| name), SUBJECTS.map(|subject| subject.name));
    let odd = [
        json!(-1),
        json!(1.5),
        json!(1e30),
        json!(1_000_000_000_001_i64),
        json!(u64::MAX),
        json!("NaN"),
        json!("12"),
        json!(true),
        json!([]),
        Value::Null,
    ];
    for (name, place, counts) in PLACES {
        for count in counts {
            for value in &odd {
                let usage = usage_after(name, |answer| answer[place][count] = value.clone());
                assert_eq!(usage, None, "{name} {count} {value}");
            }
        }
        assert_eq!(usage_after(name, |answer| answer[place] = Value::Null), None, "{name}");
    }
}

#[test]
fn usage_of_an_odd_shape_does_not_fail_the_answer() {
    for (name, place, _) in PLACES {
        for odd in [json!(7), json!("none"), json!([1]), json!({})] {
            assert_eq!(usage_after(name, |answer| answer[place] = odd.clone()), None, "{name} {odd}");
        }
    }
}

#[test]
fn xai_thinks_apart_where_its_total_says_so() {
    let check = |total: Value, output_tokens: Option<i64>| {
        let usage = usage_after("xai", |answer| answer["usage"]["total_tokens"] = total.clone());
        assert_eq!(usage.map(|usage| usage.output_tokens), output_tokens, "{total}");
    };
    check(json!(101), Some(80));
    check(Value::Null, Some(80));
    check(json!(37), Some(16));
    check(json!(38), None);
}

#[test]
fn deepseek_counts_cached_input_in_either_place() {
    let usage = usage_after("deepseek", |answer| {
        let counts = answer["usage"].as_object_mut().unwrap();
        counts.remove("prompt_cache_hit_tokens");
        counts.insert("prompt_tokens_details".into(), json!({ "cached_tokens": 7 }));
    });
    assert_eq!(usage.unwrap().cached_input_tokens, 7);
}

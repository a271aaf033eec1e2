//! What each vendor answers when nothing goes wrong.

use crate::lab::{
    ANTHROPIC, DEEPSEEK, ENDPOINTS, Endpoint, GOOGLE, Got, Lab, OPENAI_CHAT, OPENAI_RESPONSES, XAI, check,
    fetch,
};
use reqwest::Method;
use serde_json::{Value, json};

const PROMPT: &str = "Where does the north wind sleep?";

async fn plain(endpoint: Endpoint) -> (Got, Value, usize) {
    let lab = Lab::start().await;
    let got = lab.ask(endpoint, PROMPT, false).await;
    assert_eq!(got.status, 200, "{got:?}");
    assert_eq!(got.header("content-type"), Some("application/json"));
    let (json, words) = (got.json(), endpoint.text(&got).split_whitespace().count());
    (got, json, words)
}

async fn streamed(endpoint: Endpoint) -> Got {
    let lab = Lab::start().await;
    let got = lab.ask(endpoint, PROMPT, true).await;
    assert_eq!((got.status, got.is_cut), (200, false), "{got:?}");
    got
}

#[tokio::test]
async fn the_same_question_gets_the_same_words_whole_and_streamed() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        let text = endpoint.text(&lab.ask(endpoint, PROMPT, false).await);
        assert!(text.starts_with(&format!("Echo of {}: {PROMPT} ", endpoint.model)), "{text}");
        let deltas = endpoint.deltas(&lab.ask(endpoint, PROMPT, true).await);
        assert!(deltas.len() > 4, "{endpoint:?}: {deltas:?}");
        assert_eq!(deltas.concat(), text, "{endpoint:?}");
    }
}

#[tokio::test]
async fn every_frame_is_a_chunk_of_its_own() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        let body = endpoint.body(PROMPT, true).to_string();
        let request = lab.request(Method::POST, endpoint.service, &endpoint.path(true)).body(body);
        let mut response = request.send().await.unwrap();
        while let Some(chunk) = response.chunk().await.unwrap() {
            let chunk = std::str::from_utf8(&chunk).unwrap().replace("\r\n", "\n");
            assert!(chunk.ends_with("\n\n") && chunk.matches("\n\n").count() == 1, "{endpoint:?}: {chunk:?}");
        }
    }
}

#[tokio::test]
async fn text_without_spaces_is_parted_between_characters() {
    let lab = Lab::start().await;
    let prompt = "дождь雨🌧".repeat(30);
    for endpoint in ENDPOINTS {
        let deltas = endpoint.deltas(&lab.ask(endpoint, &prompt, true).await);
        assert!(deltas.concat().contains(&prompt), "{endpoint:?}: {deltas:?}");
        assert!(deltas.iter().all(|delta| delta.chars().count() <= 32), "{endpoint:?}: {deltas:?}");
    }
}

#[tokio::test]
async fn a_ceiling_cuts_the_answer_and_says_so() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        let reason = match endpoint {
            Endpoint { service: "anthropic", .. } => "max_tokens",
            Endpoint { service: "google", .. } => "MAX_TOKENS",
            Endpoint { kind: crate::lab::Kind::Responses, .. } => "max_output_tokens",
            _ => "length",
        };
        for stream in [false, true] {
            let body = endpoint.body_with_ceiling(PROMPT, stream, 16);
            let got = lab.post(endpoint.service, &endpoint.path(stream), &body).await;
            let text = if stream { endpoint.deltas(&got).concat() } else { endpoint.text(&got) };
            assert_eq!(text.split_whitespace().count(), 16, "{endpoint:?}: {text}");
            assert!(got.body.contains(&format!("\"{reason}\"")), "{got:?}");
        }
    }
}

#[tokio::test]
async fn openai_chat() {
    let (got, json, words) = plain(OPENAI_CHAT).await;
    check(
        &json,
        &[
            ("/id", json!("chatcmpl-000000000000000000000001")),
            ("/object", json!("chat.completion")),
            ("/created", json!(1_795_305_600)),
            ("/model", json!("gpt-5-nano-2025-08-07")),
            ("/service_tier", json!("default")),
            ("/choices/0/index", json!(0)),
            ("/choices/0/finish_reason", json!("stop")),
            ("/choices/0/logprobs", json!(null)),
            ("/choices/0/message/role", json!("assistant")),
            ("/choices/0/message/refusal", json!(null)),
            ("/choices/0/message/annotations", json!([])),
            ("/usage/prompt_tokens", json!(6)),
            ("/usage/completion_tokens", json!(words + 9)),
            ("/usage/completion_tokens_details/reasoning_tokens", json!(9)),
            ("/usage/prompt_tokens_details/cached_tokens", json!(0)),
            ("/usage/total_tokens", json!(words + 15)),
        ],
    );
    assert_eq!(got.header("x-request-id"), Some("req_000000000000000000000001"));
    assert_eq!(got.header("x-ratelimit-reset-requests"), Some("6ms"));
}

#[tokio::test]
async fn openai_chat_stream() {
    let lab = Lab::start().await;
    let mut body = OPENAI_CHAT.body(PROMPT, true);
    body["stream_options"] = json!({"include_usage": true});
    let got = lab.post("openai", "/chat/completions", &body).await;
    assert_eq!(got.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert!(got.body.ends_with("data: [DONE]\n\n"));
    let events = got.events();
    let (usage, chunks) = events.split_last().unwrap();
    check(usage, &[("/choices", json!([])), ("/usage/prompt_tokens", json!(6))]);
    for chunk in chunks {
        check(chunk, &[("/object", json!("chat.completion.chunk")), ("/id", usage["id"].clone())]);
        check(chunk, &[("/usage", json!(null))]);
    }
    let delta = json!({"role": "assistant", "content": "", "refusal": null});
    check(&chunks[0], &[("/choices/0/delta", delta), ("/choices/0/finish_reason", json!(null))]);
    check(&chunks[1], &[("/choices/0/finish_reason", json!(null))]);
    assert!(chunks[1]["obfuscation"].is_string());
    let last = chunks.last().unwrap();
    check(last, &[("/choices/0/delta", json!({})), ("/choices/0/finish_reason", json!("stop"))]);

    body["stream_options"] = json!({"include_obfuscation": false});
    let got = lab.post("openai", "/chat/completions", &body).await;
    assert!(!got.body.contains("obfuscation") && !got.body.contains("usage"), "{got:?}");
}

#[tokio::test]
async fn openai_models() {
    let lab = Lab::start().await;
    let got = fetch(lab.request(Method::GET, "openai", "/models")).await;
    check(
        &got.json(),
        &[
            ("/object", json!("list")),
            ("/data/0/id", json!("gpt-5-nano")),
            ("/data/0/object", json!("model")),
            ("/data/0/owned_by", json!("system")),
            ("/data/0/created", json!(1_795_305_600)),
        ],
    );
}

#[tokio::test]
async fn openai_responses() {
    let (_, json, words) = plain(OPENAI_RESPONSES).await;
    check(
        &json,
        &[
            ("/id", json!("resp_000000000000000000000001")),
            ("/object", json!("response")),
            ("/status", json!("completed")),
            ("/model", json!("gpt-5.2-pro-2025-12-11")),
            ("/error", json!(null)),
            ("/incomplete_details", json!(null)),
            ("/output/0/type", json!("reasoning")),
            ("/output/1/type", json!("message")),
            ("/output/1/status", json!("completed")),
            ("/output/1/content/0/type", json!("output_text")),
            ("/output/1/content/0/annotations", json!([])),
            ("/usage/input_tokens", json!(6)),
            ("/usage/output_tokens", json!(words + 9)),
            ("/usage/output_tokens_details/reasoning_tokens", json!(9)),
            ("/usage/total_tokens", json!(words + 15)),
        ],
    );
}

#[tokio::test]
async fn openai_responses_stream() {
    let got = streamed(OPENAI_RESPONSES).await;
    let events = got.events();
    let mut kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    for (index, event) in events.iter().enumerate() {
        check(event, &[("/sequence_number", json!(index))]);
    }
    let names: Vec<&str> = got.body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, kinds);
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let text = OPENAI_RESPONSES.deltas(&got).concat();
    check(&events[0], &[("/response/status", json!("in_progress")), ("/response/usage", json!(null))]);
    check(
        events.last().unwrap(),
        &[
            ("/response/status", json!("completed")),
            ("/response/output/1/content/0/text", json!(text)),
            ("/response/usage/input_tokens", json!(6)),
        ],
    );
    assert!(!got.body.contains("[DONE]"));
}

#[tokio::test]
async fn anthropic() {
    let (got, json, words) = plain(ANTHROPIC).await;
    check(
        &json,
        &[
            ("/id", json!("msg_000000000000000000000001")),
            ("/type", json!("message")),
            ("/role", json!("assistant")),
            ("/model", json!("claude-haiku-4-5-20251001")),
            ("/content/0/type", json!("text")),
            ("/stop_reason", json!("end_turn")),
            ("/stop_sequence", json!(null)),
            ("/stop_details", json!(null)),
            ("/usage/input_tokens", json!(6)),
            ("/usage/cache_read_input_tokens", json!(0)),
            ("/usage/cache_creation_input_tokens", json!(0)),
            ("/usage/cache_creation/ephemeral_5m_input_tokens", json!(0)),
            ("/usage/output_tokens", json!(words)),
            ("/usage/service_tier", json!("standard")),
        ],
    );
    assert_eq!(got.header("request-id"), Some("req_000000000000000000000001"));
    assert_eq!(got.header("anthropic-ratelimit-requests-reset"), Some("2026-11-22T00:00:00Z"));
}

#[tokio::test]
async fn anthropic_stream() {
    let got = streamed(ANTHROPIC).await;
    let events = got.events();
    let mut kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let names: Vec<&str> = got.body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, kinds);
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let words = ANTHROPIC.deltas(&got).concat().split_whitespace().count();
    check(
        &events[0],
        &[
            ("/message/content", json!([])),
            ("/message/stop_reason", json!(null)),
            ("/message/usage/input_tokens", json!(6)),
            ("/message/usage/output_tokens", json!(1)),
        ],
    );
    check(&events[3], &[("/delta/type", json!("text_delta")), ("/index", json!(0))]);
    check(
        &events[events.len() - 2],
        &[("/delta/stop_reason", json!("end_turn")), ("/usage/output_tokens", json!(words))],
    );
}

#[tokio::test]
async fn google() {
    let (got, json, words) = plain(GOOGLE).await;
    check(
        &json,
        &[
            ("/candidates/0/index", json!(0)),
            ("/candidates/0/content/role", json!("model")),
            ("/candidates/0/finishReason", json!("STOP")),
            ("/usageMetadata/promptTokenCount", json!(6)),
            ("/usageMetadata/candidatesTokenCount", json!(words)),
            ("/usageMetadata/thoughtsTokenCount", json!(9)),
            ("/usageMetadata/totalTokenCount", json!(words + 15)),
            ("/modelVersion", json!("gemini-2.5-flash")),
            ("/responseId", json!("000000000000000000000001")),
        ],
    );
    assert_eq!(got.header("x-request-id"), None);
}

#[tokio::test]
async fn google_stream() {
    let got = streamed(GOOGLE).await;
    assert!(got.body.ends_with("}\r\n\r\n") && !got.body.contains("event:"), "{got:?}");
    let events = got.events();
    let (last, before) = events.split_last().unwrap();
    assert!(before.iter().all(|event| event.pointer("/candidates/0/finishReason").is_none()));
    let words = GOOGLE.deltas(&got).concat().split_whitespace().count();
    check(
        last,
        &[
            ("/candidates/0/finishReason", json!("STOP")),
            ("/usageMetadata/candidatesTokenCount", json!(words)),
        ],
    );
}

#[tokio::test]
async fn google_takes_snake_case_a_query_key_and_the_v1_path() {
    let lab = Lab::start().await;
    let url = lab.sandbox.base_url("google").unwrap() + "/v1/models/gemini-2.5-flash:generateContent?key=k";
    let body = json!({
        "contents": [{"parts": [{"text": "hi"}, {"inline_data": {"mime_type": "image/png", "data": "AA=="}}]}],
        "system_instruction": {"parts": [{"text": "be brief"}]},
        "generation_config": {"max_output_tokens": 4, "thinking_config": {"thinking_budget": 0}},
    });
    let got = fetch(lab.client.post(url).body(body.to_string())).await;
    let usage = json!({
        "promptTokenCount": 3,
        "candidatesTokenCount": 4,
        "totalTokenCount": 7,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
    });
    check(&got.json(), &[("/usageMetadata", usage), ("/candidates/0/finishReason", json!("MAX_TOKENS"))]);
}

#[tokio::test]
async fn deepseek() {
    let (got, json, words) = plain(DEEPSEEK).await;
    assert!(got.body.starts_with("\n\n{"), "{got:?}");
    check(
        &json,
        &[
            ("/object", json!("chat.completion")),
            ("/model", json!("deepseek-flash")),
            ("/choices/0/finish_reason", json!("stop")),
            ("/choices/0/message/reasoning_content", json!("First I read the question, then I answer it.")),
            ("/usage/prompt_cache_hit_tokens", json!(0)),
            ("/usage/prompt_cache_miss_tokens", json!(6)),
            ("/usage/completion_tokens", json!(words + 9)),
            ("/usage/completion_tokens_details/reasoning_tokens", json!(9)),
        ],
    );
    assert!(json["system_fingerprint"].is_string());

    let lab = Lab::start().await;
    let mut body = DEEPSEEK.body(PROMPT, false);
    body["thinking"] = json!({"type": "disabled"});
    let json = lab.post("deepseek", "/v1/chat/completions", &body).await.json();
    check(
        &json,
        &[("/choices/0/message/reasoning_content", json!(null)), ("/usage/completion_tokens", json!(words))],
    );
}

#[tokio::test]
async fn deepseek_stream() {
    let lab = Lab::start().await;
    let mut body = DEEPSEEK.body(PROMPT, true);
    body["stream_options"] = json!({"include_usage": true});
    let got = lab.post("deepseek", "/chat/completions", &body).await;
    assert!(got.body.starts_with(": keep-alive\n\ndata: {"), "{got:?}");
    assert!(got.body.ends_with("data: [DONE]\n\n"), "{got:?}");
    let events = got.events();
    let thinking =
        |event: &Value| event["choices"][0]["delta"]["reasoning_content"].as_str().map(str::to_owned);
    let thoughts: Vec<String> = events.iter().filter_map(thinking).collect();
    assert_eq!(thoughts.concat(), "First I read the question, then I answer it.");
    // Usage comes twice: with the end of the answer, and alone.
    let usages: Vec<&Value> = events.iter().filter_map(|event| event.get("usage")).collect();
    assert_eq!(usages.len(), 2);
    assert_eq!(usages[0], usages[1]);
}

#[tokio::test]
async fn xai() {
    let (got, json, words) = plain(XAI).await;
    check(
        &json,
        &[
            ("/object", json!("chat.completion")),
            ("/model", json!("grok-4.3")),
            ("/choices/0/finish_reason", json!("stop")),
            ("/usage/completion_tokens", json!(words)),
            ("/usage/completion_tokens_details/reasoning_tokens", json!(9)),
            ("/usage/total_tokens", json!(words + 15)),
            ("/usage/num_sources_used", json!(0)),
        ],
    );
    assert_eq!(got.header("x-ratelimit-limit-requests"), Some("480"));
}

#[tokio::test]
async fn xai_stream() {
    let got = streamed(XAI).await;
    assert!(got.body.ends_with("data: [DONE]\n\n"), "{got:?}");
    let totals: Vec<u64> =
        got.events().iter().map(|event| event["usage"]["total_tokens"].as_u64().unwrap()).collect();
    assert!(totals.is_sorted() && totals[0] < totals[totals.len() - 1], "{totals:?}");
}

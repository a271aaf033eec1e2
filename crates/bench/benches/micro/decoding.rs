//! From a vendor's bytes to an answer, and from a call to a request.

use divan::{Bencher, black_box, counter::BytesCount};
use domain::{
    catalog::Upstream,
    id::GenerationId,
    port::{Call, Input},
    text::{ChatOptions, Message, Role, TextInput},
};
use http::StatusCode;
use providers::{ADAPTERS, ChatAdapter, Response};

const ANSWER: &str = include_str!("../../../providers/tests/fixtures/openai/answer.json");
/// Words in the stream.
const WORDS: usize = 500;
/// Bytes that come at a time, as from a socket under load.
const PIECE_LEN: usize = 1_400;

fn openai() -> &'static dyn ChatAdapter {
    let adapter = ADAPTERS.iter().find(|adapter| adapter.vendor() == "openai");
    adapter.and_then(|adapter| adapter.chat()).expect("a chat")
}

fn call(stream: bool) -> Call {
    let input = TextInput {
        system: Some("Be brief.".into()),
        messages: vec![Message::text(Role::User, "Why is the sea salt?")],
        max_output_tokens: 512,
        temperature: None,
        top_p: None,
        options: ChatOptions::default(),
    };
    Call {
        generation_id: GenerationId(1),
        vendor: "openai".to_owned(),
        upstream: Upstream {
            model: "gpt-5".to_owned(),
            params: [("reasoning_effort".to_owned(), "low".to_owned())].into(),
            retires_on: None,
            is_overridden: false,
        },
        input: Input::Text(input),
        stream,
        timeout_ms: 60_000,
    }
}

#[divan::bench]
fn encode_a_call(bencher: Bencher<'_, '_>) {
    let call = call(false);
    bencher.bench_local(|| openai().encode(black_box(&call)).expect("a request"));
}

#[divan::bench]
fn decode_an_answer(bencher: Bencher<'_, '_>) {
    let call = call(false);
    let response = Response { status: StatusCode::OK, body: ANSWER.into() };
    let bencher = bencher.counter(BytesCount::new(ANSWER.len()));
    bencher.bench_local(|| openai().decode(&call, black_box(&response)).expect("an answer"));
}

#[divan::bench]
fn decode_a_stream_of_500_words(bencher: Bencher<'_, '_>) {
    let (call, stream) = (call(true), stream());
    let bencher = bencher.counter(BytesCount::new(stream.len()));
    bencher.bench_local(|| {
        let mut decoder = openai().stream_decoder(&call);
        let mut deltas = 0_usize;
        for piece in black_box(stream.as_bytes()).chunks(PIECE_LEN) {
            decoder.push(piece, &mut |_| deltas += 1).expect("events");
        }
        (deltas, decoder.finish().expect("an answer"))
    });
}

fn stream() -> String {
    let event = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1795000000,\"model\":\"gpt-5\",\
             \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
        )
    };
    let word = event("{\"content\":\"word \"}", "null");
    format!("{}{}data: [DONE]\n\n", word.repeat(WORDS), event("{}", "\"stop\""))
}

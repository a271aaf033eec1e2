//! What is tested: each vendor's adapter, and OpenAI's once more by Responses.

use domain::{
    catalog::Upstream,
    id::GenerationId,
    params::Milli,
    port::{Answer, Call, FinishReason, Input, Usage},
    text::{ChatOptions, Image, Message, Part, Role, TextInput},
};
use http::StatusCode;
use providers::{ADAPTERS, Adapter, ChatAdapter, Response};
use std::{path::Path, time::Duration};

/// A way to ask a vendor for text.
pub struct Subject {
    /// Its folder under `fixtures/`.
    pub name: &'static str,
    pub vendor: &'static str,
    pub model: &'static str,
    pub params: &'static [(&'static str, &'static str)],
    /// The model that the fixtures answer with.
    pub upstream_model: &'static str,
}

pub const SUBJECTS: [Subject; 6] = [
    Subject {
        name: "openai",
        vendor: "openai",
        model: "gpt-5",
        params: &[("reasoning_effort", "low")],
        upstream_model: "gpt-5-2025-08-07",
    },
    Subject {
        name: "openai_responses",
        vendor: "openai",
        model: "gpt-5.2-pro",
        params: &[("api", "responses"), ("reasoning_effort", "medium")],
        upstream_model: "gpt-5.2-pro-2025-12-11",
    },
    Subject {
        name: "anthropic",
        vendor: "anthropic",
        model: "claude-haiku-4-5",
        params: &[],
        upstream_model: "claude-haiku-4-5-20251001",
    },
    Subject {
        name: "google",
        vendor: "google",
        model: "gemini-2.5-flash",
        params: &[("thinking_budget", "128")],
        upstream_model: "gemini-2.5-flash",
    },
    Subject {
        name: "deepseek",
        vendor: "deepseek",
        model: "deepseek-flash",
        params: &[("thinking", "disabled"), ("reasoning_effort", "high")],
        upstream_model: "deepseek-flash",
    },
    Subject {
        name: "xai",
        vendor: "xai",
        model: "grok-4.3",
        params: &[("reasoning_effort", "low")],
        upstream_model: "grok-4.3",
    },
];

/// What every fixture of a good answer says.
pub const TEXT: &str = "Привет, мир! 🌍";

impl Subject {
    pub fn named(name: &str) -> &'static Self {
        SUBJECTS.iter().find(|subject| subject.name == name).unwrap()
    }

    pub fn adapter(&self) -> &'static dyn Adapter {
        *ADAPTERS.iter().find(|adapter| adapter.vendor() == self.vendor).unwrap()
    }

    pub fn chat(&self) -> &'static dyn ChatAdapter {
        self.adapter().chat().unwrap()
    }

    /// A short question.
    pub fn call(&self, stream: bool) -> Call {
        let input = TextInput {
            system: None,
            messages: vec![Message::text(Role::User, "Hello.")],
            max_output_tokens: 512,
            temperature: None,
            top_p: None,
            options: ChatOptions::default(),
        };
        self.call_with(input, stream)
    }

    /// A conversation with all that there can be in one.
    pub fn rich_call(&self) -> Call {
        let png = Image::Data { media_type: "image/png".into(), base64: "iVBORw0KGgo=".into() };
        let mut looking = vec![Part::Text("Who is this?".into()), Part::Image(png)];
        if self.vendor != "google" {
            looking.push(Part::Image(Image::Url("https://example.com/a.jpg".into())));
        }
        let words = vec![Part::Text("Hello.".into()), Part::Text("I am Ann.".into())];
        let messages = vec![
            Message { role: Role::User, parts: words },
            Message { role: Role::User, parts: looking },
            Message::text(Role::Assistant, "A cat."),
            Message::text(Role::User, "Sure?"),
        ];
        let input = TextInput {
            system: Some("Be brief.".into()),
            messages,
            max_output_tokens: 512,
            temperature: Some(Milli(700)),
            top_p: Some(Milli(950)),
            options: ChatOptions::default(),
        };
        self.call_with(input, false)
    }

    pub fn call_with(&self, input: TextInput, stream: bool) -> Call {
        let params = self.params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Call {
            generation_id: GenerationId(1),
            vendor: self.vendor.to_owned(),
            upstream: Upstream {
                model: self.model.to_owned(),
                params: params.collect(),
                retires_on: None,
                is_overridden: false,
            },
            input: Input::Text(input),
            stream,
            timeout_ms: 60_000,
        }
    }

    /// What the fixtures of good answers decode to.
    pub fn answer(&self, finish_reason: FinishReason) -> Answer {
        Answer {
            text: TEXT.to_owned(),
            tool_calls: Vec::new(),
            usage: Some(Usage { input_tokens: 21, cached_input_tokens: 16, output_tokens: 80 }),
            upstream_model: Some(self.upstream_model.to_owned()),
            finish_reason,
        }
    }

    pub fn fixture(&self, file: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(self.name);
        std::fs::read(folder.join(file)).unwrap()
    }

    pub fn response(&self, status: u16, file: &str) -> Response {
        Response { status: StatusCode::from_u16(status).unwrap(), body: self.fixture(file) }
    }
}

/// Long enough for anything that is to happen at once.
pub const SOON: Duration = Duration::from_secs(5);

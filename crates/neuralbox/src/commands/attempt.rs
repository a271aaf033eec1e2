//! `neuralbox try`: one call of one vendor, with the operator's key and nothing of ours around it: no account, no hold, no
//! database. For checking a real account, and for whoever writes an adapter.

mod files;
mod job;
mod order;
mod report;

use super::Error;
use crate::{
    cli::TryArguments,
    logging,
    settings::{self, Settings},
    signals, wiring,
};
use domain::{
    catalog::{Category, Measured, Model},
    media::{Made, Product},
    params::Params,
    port::{Answer, Provider, ProviderError},
};
use order::Work;
use providers::Client;
use report::Report;
use sandbox::Sandbox;
use serde_json::{Map, Value, json};
use std::{net::SocketAddr, path::Path, process::ExitCode};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// What came of it.
#[derive(Default)]
struct Found {
    text: Option<String>,
    file: Option<files::Saved>,
    metadata: Map<String, Value>,
}

/// Why nothing came of it.
struct Failure {
    /// A [`domain::port::ProviderErrorKind`]'s name, or a word of this command's own.
    kind: &'static str,
    message: String,
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self { kind: error.kind.name(), message: error.message }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self { kind: "disk", message: error.to_string() }
    }
}

/// One attempt.
struct Attempt<'a> {
    settings: &'a Settings,
    client: &'a Client,
    model: &'a Model,
    arguments: &'a TryArguments,
    /// For files on their way.
    scratch: TempDir,
    report: &'a Report,
    stop: CancellationToken,
}

pub(crate) async fn run(mut settings: Settings, arguments: TryArguments) -> Result<ExitCode, Error> {
    logging::start(&settings.log)?;
    let sandbox = match arguments.sandbox {
        true => Some(Sandbox::start(SocketAddr::from(([127, 0, 0, 1], 0))).await?),
        false => None,
    };
    if let Some(sandbox) = &sandbox {
        wiring::use_sandbox(&mut settings, sandbox);
    }
    let catalog = settings::catalog(&settings)?;
    let model = catalog.model(&arguments.slug);
    let model = model.ok_or_else(|| Error::Other(format!("there is no model {}", arguments.slug)))?;
    let report = Report::new(arguments.json);
    let client = wiring::client(&settings)?.observed_by(&report.observer());
    let attempt = Attempt {
        settings: &settings,
        client: &client,
        model,
        arguments: &arguments,
        scratch: tempfile::tempdir()?,
        report: &report,
        stop: signals::stop_token()?,
    };
    let params = attempt.params()?;
    let work = attempt.work(&params).await?;
    let found = attempt.carry_out(work, &params).await;
    report.end(model, &found);
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    Ok(if found.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Attempt<'_> {
    async fn carry_out(&self, work: Work, params: &Params) -> Result<Found, Failure> {
        match work {
            Work::Chat(call) => {
                let answer = self.unless_stopped(self.client.call(&call, &mut |_: &str| {})).await??;
                self.found_answer(answer, params).await
            }
            Work::Media(call) => {
                let input_audio_ms = files::input_audio_ms(&call);
                let product = match self.unless_stopped(self.client.make(&call)).await?? {
                    Made::Done(product) => product,
                    Made::Job(job) => self.follow(&call, job).await?,
                };
                let measured = Measured { usage: product.usage, input_audio_ms };
                self.found_product(product, params, measured).await
            }
        }
    }

    /// What `work` gives, unless the operator has had enough.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            result = work => Ok(result),
            () = self.stop.cancelled() => {
                let message = "the vendor may have begun, and may charge for it".to_owned();
                Err(Failure { kind: "stopped", message })
            }
        }
    }

    async fn found_answer(&self, answer: Answer, params: &Params) -> Result<Found, Failure> {
        let measured = Measured { usage: answer.usage, ..Measured::default() };
        let mut metadata = self.metadata(answer.upstream_model, params, measured);
        metadata.insert("finish_reason".to_owned(), json!(answer.finish_reason.name()));
        self.found_text(answer.text, metadata).await
    }

    async fn found_product(
        &self,
        product: Product,
        params: &Params,
        measured: Measured,
    ) -> Result<Found, Failure> {
        let mut metadata = self.metadata(product.upstream_model, params, measured);
        metadata.extend(product.seed.map(|seed| ("seed".to_owned(), json!(seed))));
        match (product.files.into_iter().next(), product.text) {
            (Some(file), _) => {
                let file = Some(self.save(file).await?);
                Ok(Found { file, metadata, text: None })
            }
            (None, Some(text)) => self.found_text(text, metadata).await,
            (None, None) => Err(bad_result("there is neither a file nor text in it")),
        }
    }

    /// What every result has: who made it, and what that costs by the catalog's prices, where these are known.
    fn metadata(
        &self,
        upstream_model: Option<String>,
        params: &Params,
        measured: Measured,
    ) -> Map<String, Value> {
        let mut metadata = Map::new();
        let mut insert = |name: &str, value: Option<Value>| {
            metadata.extend(value.map(|value| (name.to_owned(), value)));
        };
        let cost = self.model.vendor_cost_micro_usd(params, measured);
        insert("upstream_model", upstream_model.map(Value::from));
        insert("vendor_cost_micro_usd", cost.map(Value::from));
        insert("input_tokens", measured.usage.map(|usage| usage.input_tokens.into()));
        insert("output_tokens", measured.usage.map(|usage| usage.output_tokens.into()));
        metadata
    }

    async fn found_text(&self, text: String, metadata: Map<String, Value>) -> Result<Found, Failure> {
        if let Some(out) = &self.arguments.out {
            tokio::fs::write(out, &text).await?;
        }
        Ok(Found { text: Some(text), metadata, file: None })
    }

    fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    fn is_speech_to_text(&self) -> bool {
        self.model.category == Category::Stt
    }
}

fn bad_result(message: impl Into<String>) -> Failure {
    Failure { kind: "bad_response", message: message.into() }
}

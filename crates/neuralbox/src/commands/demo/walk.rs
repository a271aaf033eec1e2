//! The walk: each step says what it asks and what came back, and is held against what was promised.

mod files;
mod sales;
mod text;
mod trouble;

use super::client::Client;
use crate::commands::Error;
use app::App;
use std::path::PathBuf;

pub(super) struct Walk {
    app: App,
    client: Client,
    /// Where files are saved.
    folder: PathBuf,
    balance: i64,
    steps: u32,
    failures: u32,
}

impl Walk {
    pub(super) fn new(app: App, client: Client, folder: PathBuf) -> Self {
        Self { app, client, folder, balance: 0, steps: 0, failures: 0 }
    }

    /// Whether every step held.
    pub(super) fn has_held(&self) -> bool {
        self.failures == 0
    }

    /// Goes all the way. `racing_key` is of a second account, whose balance is spent to the last token.
    pub(super) async fn all(&mut self, racing_key: &str) -> Result<(), Error> {
        self.catalog().await?;
        let price = self.quote().await?;
        self.generation(price).await?;
        self.stream().await?;
        self.failing_vendor().await?;
        self.race(racing_key).await?;
        self.files().await?;
        let verdict = match self.failures {
            0 => "every step held".to_owned(),
            failures => format!("{failures} checks FAILED"),
        };
        println!("\n{} steps: {verdict}.", self.steps);
        Ok(())
    }

    fn step(&mut self, name: &str, asks: &str) {
        self.steps += 1;
        println!("\n{}. {name}  ({asks})", self.steps);
    }

    fn check(&mut self, promise: &str, holds: bool) {
        println!("   {} {promise}", if holds { "ok    " } else { "FAILED" });
        self.failures += u32::from(!holds);
    }

    /// Speaks only of what does not hold.
    fn check_quietly(&mut self, promise: &str, holds: bool) {
        if !holds {
            self.check(promise, holds);
        }
    }

    async fn read_balance(&self) -> Result<i64, Error> {
        let body = self.client.get("/balance").await?.body;
        Ok(body["token_balance"].as_i64().unwrap_or_default())
    }

    /// The balance is `tokens` lower than before, and the ledger agrees.
    async fn spent(&mut self, tokens: i64) -> Result<(), Error> {
        let (before, after) = (self.balance, self.read_balance().await?);
        self.balance = after;
        self.check(&format!("balance {before} → {after}"), before - after == tokens);
        self.books().await
    }

    async fn books(&mut self) -> Result<(), Error> {
        let report = self.app.verify_ledger().await?;
        let promise = format!(
            "the ledger's replay agrees: {} entries, {} open holds",
            report.entries, report.open_holds
        );
        self.check(&promise, report.problems.is_empty() && report.open_holds == 0);
        Ok(())
    }
}

fn say(line: &str) {
    println!("   {line}");
}

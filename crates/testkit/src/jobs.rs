//! Work that goes on at vendors: time that passes, and a worker that asks.

use crate::{Account, Reply, Service, send, within};
use domain::{id::GenerationId, time::Timestamp};
use reqwest::Method;
use serde_json::Value;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Milliseconds of the manual clock that pass when there is nothing to ask after.
const STEP_MS: i64 = 1_000;
/// Between two looks for what is due, in which others get to work.
const PACE: Duration = Duration::from_millis(5);
/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

impl Service {
    /// `POST /generate` with a preference.
    pub async fn prefer(&self, key: &str, prefer: &str, body: &Value) -> Reply {
        send(self.posting("/generate", key, body).header("prefer", prefer)).await
    }

    /// `GET /generate/{id}`
    pub async fn generation(&self, key: &str, id: &Value) -> Value {
        self.get(&format!("/generate/{id}"), key).await.expect(200)
    }

    /// `DELETE /generate/{id}`
    pub async fn cancel(&self, key: &str, id: &Value) -> Reply {
        send(self.request(Method::DELETE, &format!("/api/v2/generate/{id}"), key)).await
    }

    /// Plays the worker for one round, and waits for all that it took up. Gives how many jobs there were.
    pub async fn poll(&self) -> usize {
        let round = self.app.poll_jobs().await.expect("the database answers");
        let count = round.count();
        round.finished().await;
        count
    }

    /// Plays the worker of webhooks for one round, and waits for all that it took up. Gives how many messages there were.
    pub async fn deliver(&self) -> usize {
        let round = self.app.deliver_webhooks().await.expect("the database answers");
        let count = round.count();
        round.finished().await;
        count
    }

    /// Plays the worker while `work` goes on: asks after what is due, and lets time pass when nothing is. A round under way
    /// is finished.
    pub async fn pumping<T>(&self, work: impl Future<Output = T>) -> T {
        let is_over = AtomicBool::new(false);
        let work = async {
            let done = work.await;
            is_over.store(true, Ordering::Relaxed);
            done
        };
        let worker = async {
            let mut rounds = tokio::time::interval(PACE);
            while !is_over.load(Ordering::Relaxed) {
                rounds.tick().await;
                if self.poll().await == 0 {
                    self.clock.advance_ms(STEP_MS);
                }
            }
        };
        let both = tokio::time::timeout(PATIENCE, async { tokio::join!(work, worker) });
        both.await.unwrap_or_else(|_| panic!("it has not come about within {PATIENCE:?}")).0
    }

    /// Plays the worker until a generation has ended, and gives it.
    pub async fn pump(&self, key: &str, id: &Value) -> Value {
        let ended = async {
            let mut looks = tokio::time::interval(PACE);
            loop {
                looks.tick().await;
                let generation = self.generation(key, id).await;
                if generation["status"] != "pending" {
                    return generation;
                }
            }
        };
        self.pumping(ended).await
    }

    /// Whether a generation goes on as a job, which is on disk.
    pub async fn is_job(&self, account: &Account, id: &Value) -> bool {
        let id = GenerationId(id.as_i64().expect("an id"));
        self.storage.job(account.id, id).await.expect("the database answers").is_some()
    }

    /// Until when a worker has a job to itself.
    pub async fn leased_until(&self, account: &Account, id: &Value) -> Timestamp {
        let id = GenerationId(id.as_i64().expect("an id"));
        let job = self.storage.job(account.id, id).await.expect("the database answers");
        job.expect("a job").leased_until
    }

    /// Begins a generation that becomes a job, and waits until it is one. Gives its id.
    pub async fn begin_job(&self, account: &Account, body: &Value) -> Value {
        let id = self.post("/generate", &account.key, body).await.expect(202)["id"].clone();
        within(PATIENCE, async || self.is_job(account, &id).await.then_some(())).await;
        id
    }

    /// The names of all files that are stored, whoever knows of them.
    pub fn stored_files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder is there");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("a file").file_name();
        entries.map(|entry| name(entry).into_string().expect("a plain name")).collect()
    }
}

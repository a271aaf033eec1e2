//! SQLite on a disk that is full, until somebody makes room. A limit on the size of the process's files stands in for it, which
//! Linux lets us change from outside.

use crate::installation::Installation;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::Backend;

/// Long enough for several attempts to write.
const FULL_FOR: Duration = Duration::from_millis(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_over_without_a_restart() {
    let installation = Installation::new(testkit::database(Backend::Sqlite).await.unwrap());
    let (_, key) = installation.account("anna@example.org", 0);
    let server = installation.serve_despite_file_limits(&["--sandbox"]);
    let order = json!({ "model": "gpt-5", "prompt": "hello" });
    server.ask(Method::POST, "/generate", &key, Some(&order)).await.expect(200);

    server.limit_files(Some(1));
    for path in ["/generate", "/generate/stream"] {
        let refused = server.ask(Method::POST, path, &key, Some(&order)).await;
        assert_eq!(refused.header("retry-after"), Some("1"), "{refused:?}");
        assert_eq!(refused.expect(503)["error"], "overloaded");
    }
    // What is there can be read.
    assert_eq!(server.balance(&key).await, 1_498);
    server.limit_files(None);
    server.ask(Method::POST, "/generate", &key, Some(&order)).await.expect(200);

    // Full while a vendor works: its words come, and the end once the charge is written.
    let slow = json!({ "model": "gpt-5", "prompt": "[[delay:300]] hello" });
    let mut response =
        server.request(Method::POST, "/generate/stream", &key, Some(&slow)).send().await.unwrap();
    let mut said = response.chunk().await.unwrap().unwrap().to_vec();
    server.limit_files(Some(1));
    while let Ok(chunk) = tokio::time::timeout(FULL_FOR, response.chunk()).await {
        said.extend_from_slice(&chunk.unwrap().unwrap());
    }
    assert!(!String::from_utf8_lossy(&said).contains("generation_end"));
    server.limit_files(None);
    while let Some(chunk) = response.chunk().await.unwrap() {
        said.extend_from_slice(&chunk);
    }
    let said = String::from_utf8(said).unwrap();
    let end = said.lines().find(|line| line.contains("generation_end")).unwrap_or_else(|| panic!("{said}"));
    let end: Value = serde_json::from_str(end.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(end["balance_remaining"], 1_494);
    server.terminate();
    assert_eq!(server.ended().await.0, Some(0));
    let report = installation.json(&["ledger", "verify", "--json"]);
    let expected = json!({
        "clean": true, "wallets": 1, "entries": 4, "generations": 3, "open_holds": 0, "problems": [],
    });
    assert_eq!(report, expected);
}

//! The official OpenAI packages for Python and Node, unchanged, against a server with a sandbox.

use crate::{
    clients::{self, manifest, said},
    installation::{Installation, Server},
};
use reqwest::Method;
use serde_json::json;
use std::{fs::File, path::PathBuf, process::Command};
use testkit::Backend;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_packages_work_unchanged() {
    let Some(folder) = clients::folder() else { return };
    let installation = Installation::new(testkit::empty_database(Backend::Sqlite).await.unwrap());
    let (_, key) = installation.account("ann@example.org", 0);
    let (_, poor_key) = installation.account("poor@example.org", 0);
    let server = installation.serve(&["--sandbox"]);
    spend_all(&server, &poor_key).await;
    let out = tempfile::tempdir().unwrap();
    let mut python = Command::new(folder.join("python/bin/python"));
    python.arg("-I").arg(script("openai_client.py"));
    let mut node = Command::new("node");
    // Node looks for packages where a script is; one that it reads from its input is where it was started.
    node.arg("--input-type=module").current_dir(folder.join("node"));
    node.stdin(File::open(script("openai_client.mjs")).unwrap());
    for command in [&mut python, &mut node] {
        command.env("OPENAI_BASE_URL", format!("{}/v1", server.url)).env("OPENAI_API_KEY", &key);
        command.env("POOR_API_KEY", &poor_key).env("OUT", out.path());
        command.env("AUDIO", manifest().join("../media/tests/fixtures/tone.wav"));
    }
    let (python, node) = tokio::join!(said(python), said(node));
    assert_eq!(python, "python: all is well\n");
    assert_eq!(node, "node: all is well\n");
    let report = installation.json(&["ledger", "verify", "--json"]);
    assert_eq!(report["clean"], json!(true), "{report:#}");
}

fn script(name: &str) -> PathBuf {
    manifest().join("../../xtask/clients").join(name)
}

/// Leaves an account without a token: films that are never done hold most of them.
async fn spend_all(server: &Server, key: &str) {
    let film = json!({ "model": "luma-ray2-1080p", "prompt": "[[fault:job-stuck]]", "duration": 9 });
    let short_film = json!({ "model": "luma-ray2", "prompt": "[[fault:job-stuck]]" });
    let picture = json!({ "model": "midjourney-v6", "prompt": "[[fault:job-stuck]]" });
    let text = json!({ "model": "claude-opus-4.5", "prompt": "hello" });
    for (times, status, body) in [(5, 202, &film), (1, 202, &short_film), (1, 202, &picture), (1, 200, &text)]
    {
        for _ in 0..times {
            server.ask(Method::POST, "/generate", key, Some(body)).await.expect(status);
        }
    }
    assert_eq!(server.balance(key).await, 0);
}

//! The API as its own document describes it, tried by Schemathesis: requests that fit the document, and requests that do not.

use crate::{
    clients::{folder, said},
    installation::Installation,
};
use std::process::Command;
use testkit::Backend;

/// What every answer is held against.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance";
/// What would take the account away with which everything is asked.
const LEFT_OUT: [&str; 2] = ["delete_user_me", "post_auth_logout"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_in_the_document() {
    let Some(folder) = folder() else { return };
    let installation = Installation::new(testkit::empty_database(Backend::Sqlite).await.unwrap());
    let installation = installation.with("NEURALBOX__SERVER__PUBLIC_URL", "https://example.org");
    // On this plan nothing is limited, so that every request gets through to what it asks for.
    let arguments = [
        "account",
        "create",
        "--email",
        "ann@example.org",
        "--plan",
        "elite",
        "--tokens",
        "1000000",
        "--json",
    ];
    let account = installation.json(&arguments);
    let key = account["api_key"].as_str().unwrap();
    let server = installation.serve(&["--sandbox"]);
    let out = tempfile::tempdir().unwrap();
    let mut schemathesis = Command::new(folder.join("python/bin/python"));
    schemathesis.current_dir(out.path()).args(["-I", "-m", "schemathesis.cli", "run"]);
    schemathesis.arg(format!("{}/openapi.json", server.url)).args(["--checks", CHECKS]);
    schemathesis.args(["--header", &format!("Authorization: Bearer {key}")]);
    // The same requests each time: what is found today was not there yesterday because we have changed, not they.
    schemathesis.args(["--seed", "1", "--max-examples", "10", "--phases", "examples,coverage,fuzzing"]);
    schemathesis.args([
        "--continue-on-failure",
        "--warnings",
        "off",
        "--request-timeout",
        "30",
        "--no-shrink",
    ]);
    for operation in LEFT_OUT {
        schemathesis.args(["--exclude-operation-id", operation]);
    }
    let said = said(schemathesis).await;
    assert!(said.contains("No issues found"), "{said}");
}

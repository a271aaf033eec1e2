//! Programs of others that talk to us, and are fetched for that.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// Where they are: `cargo xtask test` fetches them and says so.
const FOLDER: &str = "NEURALBOX_TEST_CLIENTS";
/// Set to 1 by whoever wants the tests without them.
const NONE: &str = "NEURALBOX_TEST_NO_CLIENTS";
/// How long one of them may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The folder that they are in; `None` when they are deliberately left out.
pub fn folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os(FOLDER).filter(|folder| !folder.is_empty()) {
        return Some(folder.into());
    }
    assert!(
        env::var(NONE).is_ok_and(|value| value == "1"),
        "run `cargo xtask test`, or `cargo xtask clients` and set {FOLDER} as it says, or set {NONE}=1 to go without"
    );
    None
}

/// This crate's folder.
pub fn manifest() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a script says that must succeed.
pub async fn said(mut command: Command) -> String {
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = tokio::task::spawn_blocking(move || process.wait_with_output());
    let output = tokio::time::timeout(PATIENCE, output).await.expect("the script ends").unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(output.stdout), text(output.stderr));
    text(output.stdout)
}

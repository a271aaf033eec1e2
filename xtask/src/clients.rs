//! The official OpenAI packages for Python and Node, unchanged, and Schemathesis, which tries an API by its document: tests
//! talk to us through them. They are fetched once, by their own package managers, and kept under `target/`.
#![expect(clippy::print_stdout, reason = "xtask talks to people")]

use crate::{Result, debian};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Names the folder in which the test finds them.
pub(crate) const FOLDER_VARIABLE: &str = "NEURALBOX_TEST_CLIENTS";

/// The versions that are asked for, all that they need included.
const REQUIREMENTS: &str = include_str!("../clients/requirements.txt");
const PACKAGE: &str = include_str!("../clients/package.json");
const PACKAGE_LOCK: &str = include_str!("../clients/package-lock.json");
/// The Node that the package asks for.
const MIN_NODE: u32 = 18;

/// The folder with both packages; they are fetched when it does not hold these versions of them.
///
/// # Errors
/// Says what is missing and could not be installed.
pub(crate) fn prepare() -> Result<PathBuf> {
    let folder = target()?.join("test-clients");
    let (stamp, versions) = (folder.join("versions"), [REQUIREMENTS, PACKAGE, PACKAGE_LOCK].concat());
    if fs::read_to_string(&stamp).is_ok_and(|found| found == versions) && work(&folder) {
        return Ok(folder);
    }
    println!("Fetching the official OpenAI packages and Schemathesis into {}", folder.display());
    fetch(&folder).map_err(|problem| advice(&problem.to_string()))?;
    fs::write(stamp, versions)?;
    Ok(folder)
}

/// Where cargo builds, wherever the test that uses it runs.
pub(crate) fn target() -> Result<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(default, PathBuf::from);
    Ok(std::path::absolute(target)?)
}

/// Whether what was fetched once can still be used: the Python that it was made with may be gone.
fn work(folder: &Path) -> bool {
    debian::answers(
        &folder.join("python/bin/python").to_string_lossy(),
        &["-c", "import openai, schemathesis"],
    ) && folder.join("node/node_modules/openai").is_dir()
        && has_node()
}

fn fetch(folder: &Path) -> Result<()> {
    if !debian::answers("python3", &["-c", "import ensurepip, venv"]) {
        debian::install("Python with its venv", &["python3-venv"])?;
    }
    if !(has_node() && debian::answers("npm", &["--version"])) {
        debian::install("Node with npm", &["nodejs", "npm"])?;
        if !has_node() {
            return Err(format!("this system's Node is older than {MIN_NODE}").into());
        }
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let (python, node) = (folder.join("python"), folder.join("node"));
    fs::create_dir_all(&node)?;
    fs::write(folder.join("requirements.txt"), REQUIREMENTS)?;
    fs::write(node.join("package.json"), PACKAGE)?;
    fs::write(node.join("package-lock.json"), PACKAGE_LOCK)?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&python))?;
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--requirement"];
    run(Command::new(python.join("bin/python")).args(pip).arg(folder.join("requirements.txt")))?;
    let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run(Command::new("npm").args(npm).current_dir(&node))
}

fn has_node() -> bool {
    let output = Command::new("node").arg("--version").stderr(Stdio::null()).output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let major = version.ok().and_then(|version| version.strip_prefix('v')?.split('.').next()?.parse().ok());
    major.is_some_and(|major: u32| major >= MIN_NODE)
}

fn run(command: &mut Command) -> Result<()> {
    let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
    let line = format!("{} {}", command.get_program().to_string_lossy(), args.join(" "));
    println!("$ {line}");
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("`{line}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` ended with {status}").into()) }
}

fn advice(problem: &str) -> String {
    format!(
        "{problem}. Do one of these:\n  \
         - install Python 3.10 or later with venv, Node {MIN_NODE} or later, and npm, and let pip and npm reach their \
         registries\n  \
         - leave the official clients out: `cargo xtask test --no-clients`"
    )
}

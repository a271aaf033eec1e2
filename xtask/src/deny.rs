//! What dependencies may be: licences, duplicates, sources and advisories, by cargo-deny. `deny.toml` says it.
#![expect(clippy::print_stderr, reason = "xtask talks to people")]

use crate::{Result, cargo, test::run_command};
use std::process::Stdio;

/// The version that is installed where there is none.
const VERSION: &str = "0.20.2";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Look at advisories and withdrawn versions too, of which the latest are fetched
    #[arg(long)]
    advisories: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    prepare()?;
    check()?;
    if options.advisories { run_command(cargo().args(["deny", "check", "advisories"])) } else { Ok(()) }
}

/// Installs cargo-deny where it is missing.
///
/// # Errors
/// Says that it cannot be.
pub(crate) fn prepare() -> Result<()> {
    if is_installed() {
        return Ok(());
    }
    eprintln!("cargo-deny is not installed; building it takes some minutes, once:");
    let installing = run_command(cargo().args(["install", "cargo-deny", "--locked", "--version", VERSION]));
    installing.map_err(|problem| {
        format!(
            "{problem}. Install cargo-deny {VERSION}, or leave dependencies unlooked at: `cargo xtask test --no-deny`"
        )
        .into()
    })
}

/// All but the advisories, without the network.
pub(crate) fn check() -> Result<()> {
    let what = ["licenses", "bans", "sources"];
    // An exception that nothing needs any more is to go.
    let args = ["deny", "--offline", "--locked", "check", "--hide-inclusion-graph", "-D", "unmatched-skip"];
    run_command(cargo().args(args).args(what))
}

fn is_installed() -> bool {
    let mut asking = cargo();
    asking.args(["deny", "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asking.status().is_ok_and(|status| status.success())
}

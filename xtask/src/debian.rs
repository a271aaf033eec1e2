//! Installing what a machine lacks, on Debian and its kin, when we may.
#![expect(clippy::print_stderr, reason = "xtask talks to people")]

use crate::Result;
use std::process::{Command, Stdio};

/// Installs `packages`, for want of which there is no `what`.
///
/// # Errors
/// Says why it cannot be installed.
pub(crate) fn install(what: &str, packages: &[&str]) -> Result<()> {
    let Some(sudo) = root_prefix().filter(|_| answers("apt-get", &["--version"])) else {
        return Err(format!("{what} is not installed, and xtask cannot install it here").into());
    };
    eprintln!("{what} is not installed; installing Debian's `{}`:", packages.join("`, `"));
    apt_get(sudo, &["update"])?;
    apt_get(sudo, &[&["install", "-y", "--no-install-recommends"], packages].concat())
}

/// What to put before a command for it to run as root without a question; `None` when there is no way.
fn root_prefix() -> Option<&'static [&'static str]> {
    if id(&["-u"]) == Some(0) {
        Some(&[])
    } else {
        answers("sudo", &["-n", "true"]).then_some(&["sudo", "-n"])
    }
}

/// Whether a program is there and says that all is well.
pub(crate) fn answers(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn apt_get(sudo: &[&str], args: &[&str]) -> Result<()> {
    let line = [sudo, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], args].concat();
    let shown = line.join(" ");
    eprintln!("$ {shown}");
    let status = Command::new(line[0]).args(&line[1..]).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` ended with {status}").into()) }
}

/// What `id` answers; `None` for a user that does not exist.
pub(crate) fn id(args: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(args).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

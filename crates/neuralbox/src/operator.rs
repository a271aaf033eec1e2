//! Who runs a command, for the trail that it leaves.

use crate::commands::Error;
use app::AuditNote;
use domain::id::AccountId;

/// The variable that names the operator.
const VARIABLE: &str = "NEURALBOX_OPERATOR";
const MAX_NAME_CHARS: usize = 100;
/// What a reason has at most: payment services take no more.
const MAX_REASON_CHARS: usize = 250;

/// Whoever runs this process, as far as they have said.
pub(crate) struct Operator {
    given: Option<String>,
}

impl Operator {
    /// Whoever is named by `--operator`, else by the environment, else by this machine.
    pub(crate) fn new(given: Option<String>) -> Self {
        Self { given: given.or_else(|| std::env::var(VARIABLE).ok()) }
    }

    /// What goes into the trail when `command` is about to do something.
    ///
    /// # Errors
    /// When the name or the reason cannot be used.
    pub(crate) fn note(&self, command: &str, reason: Option<&str>) -> Result<AuditNote, Error> {
        if let Some(reason) = reason {
            check("--reason", reason, MAX_REASON_CHARS)?;
        }
        Ok(AuditNote {
            operator: self.name()?,
            command: command.to_owned(),
            account_id: None,
            details: None,
            reason: reason.map(str::to_owned),
        })
    }

    /// As [`Self::note`], of something that is done with one account.
    ///
    /// # Errors
    /// As [`Self::note`].
    pub(crate) fn note_on(
        &self,
        account_id: AccountId,
        command: &str,
        reason: Option<&str>,
    ) -> Result<AuditNote, Error> {
        Ok(AuditNote { account_id: Some(account_id), ..self.note(command, reason)? })
    }

    fn name(&self) -> Result<String, Error> {
        let name = self.given.clone().or_else(name_here).ok_or_else(|| {
            Error::Other(format!("say who you are, for the audit trail: --operator NAME, or {VARIABLE}"))
        })?;
        check("the operator's name", &name, MAX_NAME_CHARS)?;
        Ok(name)
    }
}

fn check(what: &str, text: &str, max_chars: usize) -> Result<(), Error> {
    if (1..=max_chars).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::Other(format!("{what} must have 1 to {max_chars} printable characters")))
}

/// The name of this process's user: by the system's own word where there is one, else by what the shell says.
fn name_here() -> Option<String> {
    system_name().or_else(|| ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()))
}

#[cfg(unix)]
fn system_name() -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    // A process's own entry belongs to its user.
    let uid = std::fs::metadata("/proc/self").ok()?.uid();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(named(&users, uid).unwrap_or_else(|| format!("uid {uid}")))
}

#[cfg(not(unix))]
fn system_name() -> Option<String> {
    None
}

/// The name of a user, of whom a line of `/etc/passwd` says `name:password:uid:…`.
#[cfg(unix)]
fn named(users: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    let mut lines = users.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_named_comes_first() {
        let given = |name: &str| Operator { given: Some(name.to_owned()) }.note("ledger verify", None);
        assert_eq!(given("ann").unwrap().operator, "ann");
        assert!(given("").is_err() && given("a\nb").is_err() && given(&"x".repeat(101)).is_err());
        let nobody = Operator { given: None };
        assert!(!nobody.note("ledger verify", Some("because")).unwrap().operator.is_empty());
        assert!(nobody.note("ledger verify", Some("")).is_err());
        assert!(nobody.note("ledger verify", Some(&"x".repeat(251))).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn users_are_found_by_their_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\n\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(named(users, 1000).as_deref(), Some("ann"));
        assert_eq!(named(users, 100), None);
    }
}

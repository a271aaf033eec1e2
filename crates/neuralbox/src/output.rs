//! Printing results.

use serde_json::Value;
use std::io::Write;

/// Prints `data` as JSON, or what `text` makes of it for people.
pub(crate) fn print(json: bool, data: &Value, text: impl FnOnce() -> String) {
    line(&if json { format!("{data:#}") } else { text() });
}

/// Prints a line.
pub(crate) fn line(text: &str) {
    // Whoever reads may have seen enough, as `head` does.
    let _ = writeln!(std::io::stdout(), "{text}");
}

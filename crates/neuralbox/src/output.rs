//! Printing results.

use serde_json::Value;

/// Prints `data` as JSON, or what `text` makes of it for people.
pub(crate) fn print(json: bool, data: &Value, text: impl FnOnce() -> String) {
    if json {
        println!("{data:#}");
    } else {
        println!("{}", text());
    }
}

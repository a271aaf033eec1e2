//! Vendors' messages, made fit for logs.

/// Characters that a message keeps.
const MAX_CHARS: usize = 300;
/// How the keys and secrets of the vendors served here begin. Vendors repeat a wrong key, or parts of it, in their messages.
const KEY_BEGINNINGS: [&str; 7] = ["sk-", "sk_", "xai-", "AIza", "r8_", "luma-", "whsec_"];
/// How vendors hide the middle of a key.
const KEY_MIDDLE: &str = "***";
const REDACTED: &str = "[redacted]";

/// The message without `key`, without words that look like a key, and shortened. Shortening comes last: the first half
/// of a key looks like nothing.
pub(super) fn for_operators(message: &str, key: &str) -> String {
    let message = message.replace(key, REDACTED);
    let mut clean = String::new();
    for word in message.split_inclusive(is_separator) {
        let end = word.trim_end_matches(is_separator).len();
        let (bare, separator) = word.split_at(end);
        let is_secret =
            KEY_BEGINNINGS.iter().any(|beginning| bare.starts_with(beginning)) || bare.contains(KEY_MIDDLE);
        clean.push_str(if is_secret { REDACTED } else { bare });
        clean.push_str(separator);
    }
    match clean.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'`,;:()[]{}<>=&".contains(c)
}

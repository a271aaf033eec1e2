//! Comparisons that tell by their time how much of a secret was right.

use super::tokens::Token;

/// Finds `secret.expose_secret() == given` and `given != secret.expose_secret()`, whatever else is called on either. A secret that
/// was put into a variable first is beyond it.
pub(super) fn of_a_secret(tokens: &[Token], at: usize) -> Option<String> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    if text(at) != "expose_secret" || text(at + 1) != "(" {
        return None;
    }
    let is_word = |text: &str| text.starts_with(|first: char| first.is_alphanumeric() || first == '_');
    let mut start = at;
    while start >= 2 && text(start - 1) == "." && is_word(text(start - 2)) {
        start -= 2;
    }
    while start >= 1 && matches!(text(start - 1), "&" | "*" | "(") {
        start -= 1;
    }
    let is_before = start >= 2 && text(start - 1) == "=" && matches!(text(start - 2), "=" | "!");
    let mut end = at + 1 + bracket_len(&tokens[at + 1..]);
    while text(end) == "." && is_word(text(end + 1)) && text(end + 2) == "(" {
        end += 2 + bracket_len(&tokens[end + 2..]);
    }
    let is_after = matches!(text(end), "=" | "!") && text(end + 1) == "=";
    (is_before || is_after).then(|| "a secret compared by `==` or `!=`".to_owned())
}

/// How many tokens the bracket has that the first one opens.
fn bracket_len(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    let end = tokens.iter().position(|token| {
        match token.text.as_str() {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    end.map_or(tokens.len(), |end| end + 1)
}

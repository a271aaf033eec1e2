//! Prompts, in which Midjourney looks for flags.

/// Dashes that stand for two hyphens to Midjourney, because keyboards put them there, and their relatives.
const LONG_DASHES: [char; 7] = ['‒', '–', '—', '―', '⸺', '⸻', '﹘'];

/// The client's words as words only. What they cost is fixed, and so must be what they buy: no flag of theirs may change
/// ours, and no list in braces may make several jobs of one. Dashes become single hyphens, which begin no flag, and
/// braces become parentheses.
pub(super) fn plain(words: &str) -> String {
    let mut plain = String::with_capacity(words.len());
    for c in words.trim().chars() {
        match c {
            '-' => push_hyphen(&mut plain),
            c if LONG_DASHES.contains(&c) => push_hyphen(&mut plain),
            '{' => plain.push('('),
            '}' => plain.push(')'),
            c => plain.push(c),
        }
    }
    plain
}

fn push_hyphen(plain: &mut String) {
    if !plain.ends_with('-') {
        plain.push('-');
    }
}

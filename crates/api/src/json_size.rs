//! How much JSON a request may hold.

/// Values, and members of objects, in a body. A conversation of ten thousand turns has half as many.
const MAX_VALUES: usize = 100_000;

/// Whether a text has more values than anybody needs. Two bytes of a body are a value, and a value that was read takes dozens: a
/// limit in bytes alone would let a body grow twentyfold in memory.
pub(crate) fn has_too_many_values(text: &[u8]) -> bool {
    let (mut values, mut in_string, mut is_escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            // Each is followed by one more, or by nothing.
            b'[' | b'{' | b',' if !in_string => values += 1,
            _ => {}
        }
    }
    values > MAX_VALUES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_not_what_stands_in_strings() {
        let check = |text: String, expected: bool| {
            assert_eq!(has_too_many_values(text.as_bytes()), expected, "{} bytes", text.len());
        };
        let numbers = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        check(numbers(MAX_VALUES - 1), false);
        check(numbers(MAX_VALUES), true);
        check(format!("{{\"a\":{}}}", numbers(MAX_VALUES - 1)), true);
        check("[".repeat(MAX_VALUES), true);
        check(format!("\"{}\"", "[{,\\\",".repeat(MAX_VALUES)), false);
        // A quote that ends no string, and a backslash that escapes none.
        check(format!("[\"\\\\\",{}]", numbers(MAX_VALUES - 2)), true);
        check(format!("\"\\\"{}", ",".repeat(MAX_VALUES)), false);
        check(String::new(), false);
    }
}

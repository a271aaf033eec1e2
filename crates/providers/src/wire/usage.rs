//! Reading what a vendor says it used. It is only reported, never billed, so what cannot be true is left out rather
//! than failing a good answer.

use serde_json::Value;

/// No count of tokens is larger: the largest contexts have some millions.
const MAX_COUNT: i64 = 1_000_000_000_000;

/// The count at `pointer`; `None` when it is missing or is no plausible whole number.
pub(crate) fn count(usage: &Value, pointer: &str) -> Option<i64> {
    at(usage, pointer)?.as_i64().filter(|count| (0..=MAX_COUNT).contains(count))
}

/// The count at `pointer`, where a missing one is zero; `None` when it is no plausible whole number.
pub(crate) fn count_or_zero(usage: &Value, pointer: &str) -> Option<i64> {
    match at(usage, pointer) {
        None | Some(Value::Null) => Some(0),
        Some(_) => count(usage, pointer),
    }
}

/// As [`Value::pointer`], without indexes and anything to unescape, for which it takes several allocations a name.
fn at<'a>(usage: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(usage, |value, name| value.get(name))
}

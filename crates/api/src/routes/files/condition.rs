//! Conditions on a file that never changes (RFC 9110, 13): its name is its tag.

use axum::http::{HeaderMap, header};

/// What `ETag` says of the file of that name.
pub(super) fn tag(name: &str) -> String {
    format!("\"{name}\"")
}

/// Whether the client has the file already: `If-None-Match` names it, or any there is.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(','));
    tags.any(|known| matches!(known.trim(), known if known == "*" || known.trim_start_matches("W/") == tag))
}

/// Whether a part may be sent: `If-Range` is not there, or names this very file. There is no date that it could name.
pub(super) fn may_be_in_part(headers: &HeaderMap, tag: &str) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_file_is_known_by_its_tag() {
        let check = |value: &'static str, expected: bool| {
            assert_eq!(is_known(&headers(header::IF_NONE_MATCH, value), &tag("a.png")), expected, "{value}");
        };
        check("\"a.png\"", true);
        check("W/\"a.png\"", true);
        check("\"b.png\", \"a.png\"", true);
        check("*", true);
        check("\"b.png\"", false);
        check("a.png", false);
        check("", false);
        assert!(!is_known(&HeaderMap::new(), &tag("a.png")));
    }

    #[test]
    fn a_part_is_one_of_the_same_file() {
        let check = |value: &'static str, expected: bool| {
            assert_eq!(may_be_in_part(&headers(header::IF_RANGE, value), &tag("a.png")), expected, "{value}");
        };
        check("\"a.png\"", true);
        check("W/\"a.png\"", false);
        check("\"zzz\"", false);
        check("Wed, 21 Oct 2026 07:28:00 GMT", false);
        assert!(may_be_in_part(&HeaderMap::new(), &tag("a.png")));
    }
}

//! `Range` (RFC 9110, 14.2): one range of bytes. More than one, or another unit, is answered with the whole, as the RFC
//! allows.

use std::ops::Range;

/// The part of a file that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// From the first byte to the one after the last.
    Some(Range<u64>),
    /// What was asked for lies outside.
    None,
}

impl Part {
    pub(super) fn range(&self) -> Option<Range<u64>> {
        match self {
            Self::Some(range) => Some(range.clone()),
            Self::Whole | Self::None => None,
        }
    }
}

/// Reads the header against a file of `size` bytes.
pub(super) fn read(header: Option<&str>, size: u64) -> Part {
    let Some(range) = header.and_then(|header| header.strip_prefix("bytes=")) else { return Part::Whole };
    let Some((first, last)) = range.split_once('-').filter(|_| !range.contains(',')) else {
        return Part::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.trim().is_empty() => first..size,
        (None, Some(count)) if first.trim().is_empty() => size.saturating_sub(count)..size,
        _ => return Part::Whole,
    };
    if range.is_empty() { Part::None } else { Part::Some(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_against_the_size() {
        let check = |header: &str, expected: Part| assert_eq!(read(Some(header), 100), expected, "{header}");
        check("bytes=0-9", Part::Some(0..10));
        check("bytes=90-", Part::Some(90..100));
        check("bytes=-10", Part::Some(90..100));
        check("bytes=90-1000", Part::Some(90..100));
        check("bytes=-1000", Part::Some(0..100));
        check("bytes=100-", Part::None);
        check("bytes=-0", Part::None);
        check("bytes=9-0", Part::Whole);
        check("bytes=0-1,5-6", Part::Whole);
        check("bytes=a-b", Part::Whole);
        check("lines=0-1", Part::Whole);
        assert_eq!(read(None, 100), Part::Whole);
    }
}

//! Whatever the bytes, there is an answer, and soon.

use crate::files::{FIXTURES, PICTURES, file, fixture, picture};
use media::{ImageFormat, MediaError, check_whole, convert, inspect, sniff, thumbnail};
use proptest::{collection::vec, prelude::*, sample::Index};
use std::sync::LazyLock;

/// One of each kind.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let pictures = PICTURES.into_iter().map(|format| picture(20, 10, format));
    let fixtures = FIXTURES.into_iter().map(|name| std::fs::read(fixture(name)).unwrap());
    fixtures.chain(pictures).collect()
});

/// Has all of the crate look at it. What it says does not matter.
fn check(bytes: &[u8]) {
    let _ = sniff(bytes);
    let file = file(bytes);
    if let Ok(found) = inspect(file.path()) {
        assert!(found.duration_ms.is_none_or(|ms| ms > 0));
    }
    if let Some(media_type) = sniff(bytes) {
        let _ = check_whole(file.path(), media_type);
    }
    let _ = convert(file.path(), ImageFormat::WebP);
    let _ = thumbnail(file.path(), 8);
}

#[test]
fn every_length_of_a_head() {
    for bytes in FILES.iter() {
        for length in 0..bytes.len().min(2_000) {
            check(&bytes[..length]);
        }
    }
}

/// A run of samples whose first one is told to last as long as is written, where nothing is written.
#[test]
fn a_reader_that_panics_is_a_damaged_file() {
    for name in ["fragmented.m4a", "fragmented.mp4"] {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        let run = bytes.windows(4).position(|bytes| bytes == b"trun").unwrap() + 4;
        bytes[run..run + 4].copy_from_slice(&[0, 0, 0, 4]);
        bytes[run + 8..run + 12].fill(0xff);
        let found = inspect(file(&bytes).path());
        assert!(matches!(found, Err(MediaError::Damaged(_))), "{found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: ProptestConfig::default().cases.max(512), ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_behind_a_real_head(which in any::<Index>(), head in 0..200_usize, bytes in vec(any::<u8>(), 0..2_000)) {
        let real = which.get(&FILES);
        check(&[&real[..head.min(real.len())], &bytes].concat());
    }

    #[test]
    fn damage(which in any::<Index>(), damage in vec((any::<Index>(), any::<u8>(), any::<bool>()), 1..8)) {
        let mut bytes = which.get(&FILES).clone();
        for (index, byte, is_cut) in &damage {
            // Near the front, where the structure is.
            let at = index.index(bytes.len().min(1_000));
            if *is_cut && at > 100 { bytes.truncate(at) } else { bytes[at] = *byte }
        }
        check(&bytes);
    }

    #[test]
    fn large_numbers(which in any::<Index>(), at in any::<Index>(), number in prop_oneof![Just(0_u32), Just(1), Just(u32::MAX), Just(0x7fff_ffff)]) {
        let mut bytes = which.get(&FILES).clone();
        let at = at.index(bytes.len() - 4);
        bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
        check(&bytes);
    }
}

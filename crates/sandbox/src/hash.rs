//! Numbers that follow from words.

/// The FNV-1a hash: the same in every build and on every machine, unlike the standard library's.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold)
}

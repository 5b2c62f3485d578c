//! Random bytes of the operating system. Ids of deadlines, idempotency tokens and
//! the instances of a fleet are made of them.

/// Returns 128 random bits, enough for an id that is never used twice.
///
/// # Panics
///
/// Panics if the operating system has no random numbers, as a `HashMap` does.
pub(crate) fn bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    bytes
}

/// Returns 64 random bits.
///
/// # Panics
///
/// As [`bytes`].
pub(crate) fn bits() -> u64 {
    // The lower half; each of the bits is random.
    u128::from_ne_bytes(bytes()) as u64
}

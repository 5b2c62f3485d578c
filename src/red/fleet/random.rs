//! Random numbers of the operating system, for ids and jitter.

/// Returns 128 random bits, enough for an id that is unique.
///
/// # Panics
///
/// Panics if the operating system has no random numbers, as a `HashMap` does.
pub(crate) fn number() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    u128::from_ne_bytes(bytes)
}

/// Returns a number from 0 to 1.
pub(crate) fn share() -> f64 {
    number() as f64 / u128::MAX as f64
}

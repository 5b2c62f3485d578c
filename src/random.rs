//! Random bytes of the operating system. Ids of deadlines, idempotency tokens and
//! the instances of a fleet are made of them.

#[cfg(feature = "redis")]
use std::time::Duration;

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

/// Varies an interval by a tenth, so that the instances of a fleet that started
/// together do not call together.
///
/// # Panics
///
/// As [`bytes`].
#[cfg(feature = "redis")]
pub(crate) fn jittered(every: Duration) -> Duration {
    let share = bits() as f64 / u64::MAX as f64;
    every.mul_f64(0.9 + 0.2 * share)
}

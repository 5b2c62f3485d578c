//! Randomness that a test can replace. The layers of `client` and `concurrency`
//! use it.

use std::{fmt, sync::Arc};

use crate::random;

/// A source of random bits: the operating system, unless it is set.
#[derive(Clone, Default)]
pub(crate) struct RandomBits(Option<Arc<dyn Fn() -> u64 + Send + Sync>>);

impl RandomBits {
    pub(crate) fn of(random: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(random)))
    }

    /// Returns 64 random bits.
    pub(crate) fn bits(&self) -> u64 {
        self.0.as_ref().map_or_else(random::bits, |bits| bits())
    }

    /// Returns a number of at least 0 and less than 1, in steps of 2^-53.
    pub(crate) fn fraction(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl fmt::Debug for RandomBits {
    debug_opaque!(RandomBits);
}

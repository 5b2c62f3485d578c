//! The state of a deadline in a registry.

use std::{sync::Arc, time::Duration};

use super::error::Error;

/// The state of a deadline, by the registry's own clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remaining {
    /// This long until it passes.
    Left(Duration),
    /// It has passed; known for as long as its grace.
    Expired,
    /// It, or one that it was derived from, was cancelled. Holds the reason.
    Cancelled(Arc<str>),
    /// The registry does not know it.
    Unknown,
}

impl Remaining {
    /// Returns the time that is left, or else why there is none.
    pub(super) fn left(self) -> Result<Duration, Error> {
        match self {
            Self::Left(left) => Ok(left),
            Self::Expired => Err(Error::Expired),
            Self::Cancelled(reason) => Err(Error::Cancelled(reason)),
            Self::Unknown => Err(Error::Unknown),
        }
    }
}

/// How much of a reason is kept.
const MAX_REASON_BYTES: usize = 256;

/// Returns as much of a reason as is kept, cut between two letters.
pub(super) fn cut_reason(reason: &str) -> Arc<str> {
    let mut end = reason.len().min(MAX_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].into()
}

//! The error of a value that is not a timeout.

use std::{error::Error, fmt};

/// A header's value that is not a timeout; tells what is allowed. Under
/// [`strict`](crate::deadline::EnforceDeadlineLayer::strict), it is the source of the
/// refusal.
///
/// It does not repeat the value, which comes from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::deadline) struct MalformedTimeout {
    allowed: &'static str,
}

impl MalformedTimeout {
    pub(super) const fn new(allowed: &'static str) -> Self {
        Self { allowed }
    }
}

impl fmt::Display for MalformedTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid timeout: must be {}", self.allowed)
    }
}

impl Error for MalformedTimeout {}

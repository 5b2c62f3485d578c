//! A setting that does not work, which ends the process.

use std::fmt::{self, Display};

/// The flag, and what is wrong with its value.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) flag: &'static str,
    reason: String,
}

impl Refused {
    pub(crate) fn new(flag: &'static str, reason: impl Display) -> Self {
        let reason = reason.to_string();
        Self { flag, reason }
    }
}

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flag, reason } = self;
        write!(f, "invalid value for '{flag}': {reason}")
    }
}

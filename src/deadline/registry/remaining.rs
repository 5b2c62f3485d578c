//! What a registry knows of a deadline.

use std::{sync::Arc, time::Duration};

use super::error::Error;

/// What a registry knows of a deadline, by its own clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remaining {
    /// So long until it passes.
    Left(Duration),
    /// It has passed; told for as long as its grace.
    Expired,
    /// It, or one that it was derived from, was cancelled, for this reason.
    Cancelled(Arc<str>),
    /// There is no record of it.
    Unknown,
}

impl Remaining {
    pub(super) fn left(self) -> Result<Duration, Error> {
        match self {
            Self::Left(left) => Ok(left),
            Self::Expired => Err(Error::Expired),
            Self::Cancelled(why) => Err(Error::Cancelled(why)),
            Self::Unknown => Err(Error::Unknown),
        }
    }
}

/// The longest reason that is kept.
const LONGEST: usize = 256;

/// The reason, cut to what is kept of it.
pub(super) fn kept(reason: &str) -> Arc<str> {
    let mut end = reason.len().min(LONGEST);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].into()
}

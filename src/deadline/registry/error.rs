//! Why a registry has no deadline to give.

use std::{error, fmt, sync::Arc};

/// Why there is no deadline.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// It has passed.
    Expired,
    /// It, or one that it was derived from, was cancelled, for this reason.
    Cancelled(Arc<str>),
    /// There is none of this id: there never was, it passed longer ago than the
    /// grace, or the registry lost its state.
    Unknown,
    /// The registry in process has as many as it may have.
    Full,
    /// A tree has at most 16 generations.
    TooDeep,
    /// The text is no id.
    Malformed,
    /// Redis gave no answer.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    Redis(crate::redis::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the deadline has passed"),
            Self::Cancelled(why) => write!(f, "the deadline was cancelled: {why}"),
            Self::Unknown => f.write_str("no deadline of this id is known"),
            Self::Full => f.write_str("the registry of deadlines is full"),
            Self::TooDeep => f.write_str("deadlines were derived from one another too often"),
            Self::Malformed => f.write_str("this is no id of a deadline"),
            #[cfg(feature = "redis")]
            Self::Redis(error) => error.fmt(f),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            #[cfg(feature = "redis")]
            Self::Redis(error) => error.source(),
            _ => None,
        }
    }
}

/// By what they say; two failures of Redis are never the same.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cancelled(one), Self::Cancelled(other)) => one == other,
            (Self::Expired, Self::Expired)
            | (Self::Unknown, Self::Unknown)
            | (Self::Full, Self::Full)
            | (Self::TooDeep, Self::TooDeep)
            | (Self::Malformed, Self::Malformed) => true,
            _ => false,
        }
    }
}

#[cfg(feature = "redis")]
impl From<crate::redis::Error> for Error {
    fn from(error: crate::redis::Error) -> Self {
        Self::Redis(error)
    }
}

//! Why a registry returns no deadline.

use std::{error, fmt, mem::discriminant, sync::Arc};

/// Why a registry returns no deadline.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// It has passed.
    Expired,
    /// It, or one that it was derived from, was cancelled. Holds the reason.
    Cancelled(Arc<str>),
    /// The registry does not know this id: it never did, the deadline passed
    /// longer ago than the grace, or the registry lost its state.
    Unknown,
    /// The registry in process has reached its
    /// [capacity](super::Builder::capacity).
    Full,
    /// A tree has at most 16 generations.
    TooDeep,
    /// The text is not an id, or the id is not allowed here.
    Malformed,
    /// Redis did not answer.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    Redis(crate::redis::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("the deadline has passed"),
            Self::Cancelled(why) => write!(f, "the deadline was cancelled: {why}"),
            Self::Unknown => f.write_str("no deadline with this id is known"),
            Self::Full => f.write_str("the registry of deadlines is full: raise its capacity"),
            Self::TooDeep => f.write_str("too many generations of deadlines: must be at most 16"),
            Self::Malformed => f.write_str(
                "invalid id of a deadline: must be one that a registry returned or `Id::named`",
            ),
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

/// Compares variants and reasons. Two failures of Redis are never equal.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cancelled(one), Self::Cancelled(other)) => one == other,
            #[cfg(feature = "redis")]
            (Self::Redis(_), Self::Redis(_)) => false,
            _ => discriminant(self) == discriminant(other),
        }
    }
}

#[cfg(feature = "redis")]
impl From<crate::redis::Error> for Error {
    fn from(error: crate::redis::Error) -> Self {
        Self::Redis(error)
    }
}

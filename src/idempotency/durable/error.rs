//! Why a store cannot be opened.

use std::{error, fmt, sync::Arc};

use crate::refusal::BoxError;

/// Why a [`Durable`](super::store::Durable) store cannot be opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another has it open, in this process or in another one.
    Locked,
    /// It is in this version of the layout, which is not known here.
    Version(u8),
    /// It is damaged, or something else, or the operating system does not let us
    /// have it: see the source.
    Unreadable(Arc<dyn error::Error + Send + Sync>),
}

impl OpenError {
    pub(super) fn unreadable(source: impl Into<BoxError>) -> Self {
        Self::Unreadable(source.into().into())
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readable = super::layout::VERSION;
        match self {
            Self::Locked => f.write_str("another has the store of idempotency records open"),
            Self::Version(version) => write!(
                f,
                "the store of idempotency records has version {version}: readable is {readable}"
            ),
            Self::Unreadable(_) => f.write_str("the store of idempotency records cannot be read"),
        }
    }
}

impl error::Error for OpenError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Unreadable(source) => Some(&**source),
            _ => None,
        }
    }
}

impl From<fjall::Error> for OpenError {
    fn from(error: fjall::Error) -> Self {
        match error {
            fjall::Error::Locked => Self::Locked,
            error => Self::unreadable(error),
        }
    }
}

//! Why a durable store cannot be opened.

use std::{error, fmt, sync::Arc};

use super::layout::VERSION;
use crate::refusal::BoxError;

/// Why a [`Durable`](super::Durable) store cannot be opened.
///
/// ```
/// use sluicegate::idempotency::{Durable, OpenError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let error = Durable::open("/dev/null/store").await.unwrap_err();
/// assert!(matches!(error, OpenError::Unreadable(_)));
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another handle has it open, in this process or in another one.
    Locked,
    /// It has this version of the layout, which is unknown here.
    Version(u8),
    /// It is damaged, is not a store, or the operating system denies access:
    /// see the source.
    Unreadable(Arc<dyn error::Error + Send + Sync>),
}

impl OpenError {
    /// Returns the error for files that cannot be read because of this one.
    pub(super) fn unreadable(source: impl Into<BoxError>) -> Self {
        Self::Unreadable(source.into().into())
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("the store of idempotency records is open elsewhere"),
            Self::Version(version) => write!(
                f,
                "the store of idempotency records has version {version}: must be {VERSION}"
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

//! Why a record cannot be read.

use std::{error, fmt};

/// The version of the [layout](super::layout) that is read and written here.
pub(super) const VERSION: u8 = 1;

/// Why bytes cannot be read as a [`Record`](super::Record).
///
/// ```
/// use sluicegate::idempotency::{Record, RecordError};
///
/// let foreign = Record::decode(&"something else".into());
/// assert_eq!(foreign, Err(RecordError::Foreign));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// They do not begin as a record does.
    Foreign,
    /// They are a record of this version, which is unknown here.
    Version(u8),
    /// They begin as a record does, but the rest is invalid.
    Malformed,
    /// They are compressed, and this program was built without the feature
    /// `idempotency-compression`.
    Compressed,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("the value in the store is not an idempotency record"),
            Self::Version(version) => write!(
                f,
                "the idempotency record has version {version}: must be {VERSION}"
            ),
            Self::Malformed => f.write_str("the idempotency record is malformed"),
            Self::Compressed => f.write_str(
                "the idempotency record is compressed: build with `idempotency-compression`",
            ),
        }
    }
}

impl error::Error for RecordError {}

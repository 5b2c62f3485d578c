//! Why a record cannot be read.

use std::{error, fmt};

/// Why bytes cannot be read as a [`Record`](super::layout::Record).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// They do not begin as a record does.
    Foreign,
    /// They are a record of this version, which is not known here.
    Version(u8),
    /// They begin as a record does, and do not go on like one.
    Malformed,
    /// They are compressed, and this program was built without the feature
    /// `idempotency-compression`.
    Compressed,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readable = super::layout::VERSION;
        match self {
            Self::Foreign => f.write_str("this is no idempotency record"),
            Self::Version(version) => write!(
                f,
                "the idempotency record has version {version}: readable is {readable}"
            ),
            Self::Malformed => f.write_str("the idempotency record is malformed"),
            Self::Compressed => f.write_str(
                "the idempotency record is compressed: readable with `idempotency-compression`",
            ),
        }
    }
}

impl error::Error for RecordError {}

//! The request of a line, or the reason why it cannot be read. All parsers return
//! these types.

use std::{borrow::Cow, fmt};

use sluicegate::clock::Tick;

/// The result of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read<'a> {
    /// A request to play.
    Request(Request<'a>),
    /// A request without the key that is limited by, such as an anonymous one
    /// with `--key field:user`. Limits do not apply to it.
    NoKey,
    /// The names of the columns of a CSV file.
    Header,
}

/// A request as a line tells it. Its key is borrowed from the line where the
/// line holds it as it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    /// Microseconds since 1970 in UTC.
    pub(crate) at: Tick,
    pub(crate) key: Cow<'a, [u8]>,
    pub(crate) cost: u32,
}

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// An access log without a time in brackets, followed by the request.
    NoBrackets,
    /// No field or column has the time.
    NoTime,
    /// The time has none of the known formats, or is before 1970.
    Time,
    /// The request of an access log has no closing quote.
    Request,
    /// The status of an access log is not a number of three digits.
    Status,
    /// Not an object of JSON.
    Json,
    /// A quoted column of a CSV file has no end.
    Quotes,
    /// No column has the key.
    NoColumn,
    /// The cost is not a whole number below 2^32.
    Cost,
    /// The line is longer than a mebibyte.
    Length,
    /// The line fits no known format.
    Format,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBrackets => "no [time] before the request",
            Self::NoTime => "no field with the time",
            Self::Time => "the time cannot be read",
            Self::Request => "the request has no closing quote",
            Self::Status => "no status after the request",
            Self::Json => "not a JSON object",
            Self::Quotes => "a quoted column has no end",
            Self::NoColumn => "no column with the key",
            Self::Cost => "the cost is not a whole number below 2^32",
            Self::Length => "longer than 1 MiB",
            Self::Format => "no known format",
        })
    }
}

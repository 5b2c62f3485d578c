//! One reader for all formats.

use super::{
    access_log::AccessLog,
    csv::Csv,
    format::Format,
    json::Json,
    key_spec::KeySpec,
    read::{Read, Unreadable},
};

/// The fields that servers and collectors put the time in, the most exact ones
/// first.
pub(super) const TIME_NAMES: [&str; 14] = [
    "msec",
    "timestamp",
    "time",
    "ts",
    "@timestamp",
    "time_iso8601",
    "time_local",
    "StartUTC",
    "start_time",
    "datetime",
    "date",
    "eventTime",
    "request_time_utc",
    "t",
];

/// What to take from a line.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    /// The part that is the key.
    pub(crate) key: KeySpec,
    /// The field or column with the time; `None` for any of the usual names.
    pub(crate) time: Option<String>,
    /// How many bits of an IPv6 address are the key.
    pub(crate) ipv6_prefix: u8,
}

/// Reads the lines of a file.
#[derive(Debug)]
pub(crate) enum Parser {
    Log(AccessLog),
    Json(Json),
    Csv(Csv),
}

impl Parser {
    /// A reader of a format.
    ///
    /// # Errors
    ///
    /// If no line of this format has the key.
    pub(crate) fn new(format: Format, fields: &Fields) -> Result<Self, String> {
        Ok(match format {
            Format::Log => Self::Log(AccessLog::new(fields)?),
            Format::Json => Self::Json(Json::new(fields)),
            Format::Csv => Self::Csv(Csv::new(fields)),
        })
    }

    /// Reads a line, which is without its line break.
    #[inline]
    pub(crate) fn read<'a>(&mut self, line: &'a [u8]) -> Result<Read<'a>, Unreadable> {
        match self {
            Self::Log(log) => log.read(line),
            Self::Json(json) => json.read(line),
            Self::Csv(csv) => csv.read(line),
        }
    }
}

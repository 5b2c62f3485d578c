//! The parts of a line that all formats are searched for.

use super::key::KeySpec;

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

/// The parts to take from a line.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    /// The part that is the key.
    pub(crate) key: KeySpec,
    /// The field or column with the time; `None` for any of the usual names.
    pub(crate) time: Option<String>,
    /// How many bits of an IPv6 address are the key.
    pub(crate) ipv6_prefix: u8,
}

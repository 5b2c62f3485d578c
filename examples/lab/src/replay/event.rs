//! A request as it is played: when, whose, and how much.

use compact_str::CompactString;
use sluicegate::clock::Tick;

/// A request of recorded traffic. Keys of up to 24 bytes need no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Microseconds since 1970 in UTC.
    pub at: Tick,
    /// The key, with a replacement for bytes that are not UTF-8.
    pub key: CompactString,
    /// How much it takes from a budget.
    pub cost: u32,
}

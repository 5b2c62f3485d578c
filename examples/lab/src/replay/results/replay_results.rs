//! The contents of `replay.json`.

use serde::Serialize;
use sluicegate::clock::Tick;

use crate::replay::{
    input::InputTally,
    play::{Series, Versus},
};

/// The contents of `replay.json`. Instants are microseconds since 1970. The same
/// traffic and flags give the same bytes.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayResults {
    /// The version of this format.
    pub schema: u32,
    /// The flag `--key`.
    pub key: String,
    /// Requests that were played.
    pub requests: u64,
    /// How many keys sent them. A key that was forgotten and came back counts
    /// again.
    pub keys: u64,
    /// Keys that were forgotten to make room.
    pub forgotten_keys: u64,
    /// Requests that were not played, because there was no room for their keys.
    pub without_room: u64,
    /// The first and the last request.
    pub first_us: Tick,
    /// The last request.
    pub last_us: Tick,
    /// All requests over time.
    pub arrived: Series,
    /// Counts of lines, and of those that cannot be read.
    pub(crate) input: InputTally,
    /// The policy of `--against`.
    pub against: Option<PolicyResults>,
    /// The policies of `--limit`.
    pub policies: Vec<PolicyResults>,
}

/// The decisions of one policy.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyResults {
    /// The rule, such as `token-bucket`.
    pub rule: &'static str,
    /// The quota, such as `100/1m burst 200`.
    pub quota: String,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests that waited in a queue.
    pub waited: u64,
    /// The longest wait in a queue.
    pub longest_wait_us: Tick,
    /// Keys with a refused request.
    pub refused_keys: u64,
    /// The first refused request.
    pub first_refused_us: Option<Tick>,
    /// The longest time for which a key was refused.
    pub longest_us: Tick,
    /// The refused requests over time.
    pub refused_over_time: Series,
    /// The difference from the policy of `--against`.
    pub(crate) versus: Option<Versus>,
    /// The keys that were refused most, as many as `--top` says.
    pub top: Vec<RefusedKey>,
}

/// The refused requests of one key under one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedKey {
    /// The key.
    pub key: String,
    /// How many requests were refused.
    pub refused: u64,
    /// When the first was refused.
    pub first_us: Tick,
    /// When the last was refused.
    pub last_us: Tick,
    /// The sum of all times from a refused request to the next that was
    /// admitted.
    pub total_us: Tick,
    /// The longest of these times.
    pub longest_us: Tick,
}

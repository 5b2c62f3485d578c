//! Recorded traffic, played through the limits of your choice.
//!
//! ```text
//! lab replay access.log* --limit '100/1m burst 200' --rule all --against 'fixed-window 100/1m'
//! ```
//!
//! One thread reads: it splits files into lines, takes the time, the key and the
//! cost from each, puts the requests of each file in order of time in a bounded
//! heap, and merges the files. The other threads play: each has a part of the
//! keys, numbers them, and asks the rules themselves (`Rule::decide`), with a
//! bucket for each key and policy.
//!
//! Memory is bounded by the number of keys. When it is full, keys are forgotten
//! that have no refused request and whose buckets are whole, because a rule
//! decides about them as about new ones. So forgetting changes no decision.

mod command;
mod error;
mod event;
mod format;
pub mod generate;
mod input;
mod play;
mod policy;
mod printable;
mod results;
mod usage;
pub(crate) mod write;

pub use self::{
    command::Command,
    error::ReplayError,
    event::Event,
    format::{Format, KeySpec},
    input::InputArgs,
    play::Series,
    policy::{Policy, RuleName},
    results::{PolicyResults, RefusedKey, ReplayResults},
};
pub(crate) use self::{
    input::{InputTally, Merge, Progress},
    policy::{RuleChoice, WithRule},
    results::{Columns, count, input_notes, played, share, span},
    usage::Usage,
};

//! Plays requests through policies: in this thread for a few keys, or in a thread
//! for each part of the keys.

mod batch;
mod column;
mod keys;
mod outcome;
mod players;
mod refusal;
mod series;
mod shard;
mod versus;

#[cfg(test)]
mod tests;

pub use self::series::Series;
pub(crate) use self::{
    outcome::{Outcome, PolicyOutcome},
    players::{PlaySettings, Players},
    refusal::Refusal,
    versus::{Change, Versus},
};

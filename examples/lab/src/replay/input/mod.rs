//! Reads files of recorded traffic as one stream of requests in order of time.

mod lines;
mod merge;
mod open;
mod progress;
mod reorder;
mod settings;
mod stream;
mod tally;

pub use self::settings::InputArgs;
pub(crate) use self::{merge::Merge, progress::Progress, tally::InputTally};

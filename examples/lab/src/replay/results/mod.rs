//! What a replay tells: as JSON, and as text for a terminal.

mod amounts;
mod columns;
mod replay_results;
mod summarize;
mod text;

pub use self::replay_results::{PolicyResults, RefusedKey, ReplayResults};
pub(crate) use self::{
    amounts::{count, instant, share, span},
    columns::Columns,
    summarize::{About, summarize},
    text::{input_notes, text},
};

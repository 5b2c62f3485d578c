//! The results of a replay: as JSON, and as text for a terminal.

mod amounts;
mod columns;
mod drawing;
mod notes;
mod replay_results;
mod summarize;
mod text;

pub use self::replay_results::{PolicyResults, RefusedKey, ReplayResults};
pub(crate) use self::{
    amounts::{count, share, span},
    columns::Columns,
    notes::input_notes,
    summarize::{About, summarize},
    text::{played, text},
};

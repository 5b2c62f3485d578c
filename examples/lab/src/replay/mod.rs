//! Recorded traffic, played through the limits of your choice.

mod error;
mod event;
mod format;
mod input;

pub(crate) use self::input::{InputTally, Merge, Progress};
pub use self::{
    error::ReplayError,
    event::Event,
    format::{Format, KeySpec},
    input::InputArgs,
};

//! Work that is done once, without HTTP: for queues and jobs.

mod error;
mod outcome;
mod run_once;
mod value;

pub use self::{
    error::RunError,
    outcome::RunOutcome,
    run_once::{OnError, Runner},
};

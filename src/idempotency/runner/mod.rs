//! Work that is done once, without HTTP.

mod error;
mod outcome;
mod run_once;
mod value;

pub use self::{
    error::RunError,
    outcome::Outcome,
    run_once::{OnError, Runner},
};

//! Limits that find themselves: they grow as long as the service answers as
//! quickly as it used to, and shrink when it becomes slow.
//!
//! `learner` collects samples in windows and moves the limit of a gate; the
//! algorithms are functions of a limit and a sample.

mod adaptive;
mod aimd;
mod algorithm;
mod durations;
#[cfg(feature = "redis")]
pub(super) mod fleet;
mod gradient;
mod learner;
mod mean;
mod state;
mod window;

pub(super) use self::learner::Learner;
pub use self::{
    adaptive::{Adaptive, Estimate},
    aimd::Aimd,
    algorithm::{Algorithm, Sample},
    gradient::Gradient,
};

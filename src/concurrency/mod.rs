//! Limits on how many requests are served at once.

mod priority;

pub use self::priority::{Cohorts, CutOff, Rank};

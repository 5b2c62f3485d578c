//! The figures of a simulation, computed from its record.
//!
//! Sums are whole numbers, and each figure is rounded once at its end, so that
//! they are the same on every machine.

mod fairness;
mod figures;
mod gaps;
mod waits;
mod windows;

pub use self::{
    fairness::fairness, figures::figures, gaps::gap_variation, waits::waits,
    windows::most_in_any_window,
};

//! The files that `lab compare` writes, as types.
//!
//! `results.json` is a [`Results`]: what was simulated. The same seed gives the
//! same bytes on every machine. `measured.json` is a [`Measured`]: times, bytes
//! and CPU of the machine that ran the command. A reader checks `schema` first.
//!
//! Times are whole microseconds, unless a name ends in another unit.

mod figures;
mod grid;
mod measured;
mod simulated;

pub use self::{
    figures::{Figures, Waits},
    grid::{Base, Cell, Grid},
    measured::{Agreement, InProcess, InRedis, Measured, RuleCosts},
    simulated::{Results, Rule, Source, Traffic},
};

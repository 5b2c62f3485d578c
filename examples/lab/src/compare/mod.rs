//! Made-up traffic, played through all rules.
//!
//! # How it works
//!
//! A [`Pattern`](traffic::Pattern) says when clients ask and what they do with
//! their answers. A [`Candidate`](candidates::Candidate) makes a
//! [`Player`](candidates::Player), which decides at a given instant.
//! [`play`](simulate::play) brings them together in virtual time and returns a
//! [`Record`](simulate::Record), from which [`figures`](figures::figures) are
//! computed. [`simulate`](fn@simulate) does so for all traffic, candidates and
//! quotas.
//!
//! Everything is counted in whole microseconds, and random numbers come from one
//! seed, so the same seed gives the same bytes on every machine.

pub mod candidates;
mod command;
pub mod figures;
mod grid;
mod measure;
mod random;
pub mod simulate;
mod table;
pub mod traffic;

pub use self::{command::Command, grid::simulate, measure::measure};

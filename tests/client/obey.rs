//! Calls that are held back as their servers want.

mod advice;
mod grid;
mod lies;
mod line;
mod quotas;
mod simulation;

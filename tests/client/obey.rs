//! Calls that are held back as their servers want.

mod advice;
mod line;
mod quotas;
mod simulation;

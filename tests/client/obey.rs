//! Calls that are held back as their servers want.

mod quotas;
mod simulation;

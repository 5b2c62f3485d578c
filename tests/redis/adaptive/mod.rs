//! Adaptive limits that learn from a fleet.

mod instances;
mod law;
mod script;

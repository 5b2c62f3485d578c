//! Reading what a fleet has counted.

pub(super) mod fleet;
pub(super) mod reader;
mod totals;
pub(super) mod watch;
mod windows;

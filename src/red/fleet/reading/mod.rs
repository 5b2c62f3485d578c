//! Reading what a fleet has counted: once, or again and again in the
//! background.

pub(super) mod fleet;
pub(super) mod reader;
mod totals;
pub(super) mod watch;
mod windows;

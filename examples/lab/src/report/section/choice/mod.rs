//! Which rule to use, as far as the figures tell.

mod record;
mod row;
mod section;
mod simulated;

pub(in crate::report) use self::section::choice;

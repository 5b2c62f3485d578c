//! Permits of a fleet: never more than the limit are out.

mod script;
mod twin;

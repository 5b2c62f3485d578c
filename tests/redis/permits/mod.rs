//! Permits of a fleet: never more than the limit are out.

mod instances;
mod ledger;
mod processes;
mod script;
mod twin;

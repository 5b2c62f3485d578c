//! Telling Redis what this process has counted.

mod ledger;
pub(super) mod shipper;
pub(super) mod stats;
pub(super) mod task;

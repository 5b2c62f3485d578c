//! Shipping what this process has counted to Redis, exactly once.

mod ledger;
pub(super) mod shipper;
pub(super) mod stats;
pub(super) mod task;

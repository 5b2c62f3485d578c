//! A lease, and what keeps it from lapsing while the work runs.

pub(super) mod handle;
pub(super) mod queue;
pub(super) mod renewal;

pub use self::handle::Lease;

//! A lease: what the work sees of it, and what keeps it from lapsing.
//!
//! [`Guard`](super::Guard) holds a `Heartbeat`. Unless the store pins the
//! lease, the heartbeat puts a `Renewal` into the `RenewalQueue` of its
//! claimant; most work has ended before the renewal is due.

pub(super) mod handle;
pub(super) mod heartbeat;
pub(super) mod queue;
pub(super) mod renewal;
pub(super) mod settings;

pub use self::handle::Lease;

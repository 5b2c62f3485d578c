//! A request as a column sees it: with the number of its key, and the time since
//! the request before.

use sluicegate::clock::Tick;

use super::keys::KeyId;

/// A request whose key has a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Played {
    pub(super) at: Tick,
    pub(super) id: KeyId,
    pub(super) cost: u32,
    /// The time since the last request of the key.
    pub(super) gap: Tick,
}

//! The peers of a layer. Their number is bounded, because an application may
//! call any server that its users name.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use ahash::RandomState;
use tokio::time::Instant;

use crate::sync::{Mutex, lock};

/// The number of peers, unless it is set.
pub(super) const DEFAULT_PEERS: usize = 1_024;

/// What a layer knows of each peer, by the hash of the peer's key.
#[derive(Debug)]
pub(super) struct Peers<T> {
    peers: Mutex<HashMap<u64, PeerEntry<T>>>,
    hasher: RandomState,
    max: usize,
}

/// A peer that calls and layers share.
pub(super) type SharedPeer<T> = Arc<Mutex<T>>;

#[derive(Debug)]
struct PeerEntry<T> {
    peer: SharedPeer<T>,
    used: Instant,
}

impl<T> Peers<T> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            peers: Mutex::new(HashMap::new()),
            hasher: RandomState::new(),
            max,
        }
    }

    /// Returns how many peers there may be.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Returns the peer with this key; `None` if there are too many in use. A
    /// new one takes the place of the one that was not called for the longest
    /// time.
    pub(super) fn get(
        &self,
        key: &impl Hash,
        now: Instant,
        new: impl FnOnce() -> T,
    ) -> Option<SharedPeer<T>> {
        let key = self.hasher.hash_one(key);
        let mut peers = lock(&self.peers);
        if let Some(entry) = peers.get_mut(&key) {
            entry.used = now;
            return Some(entry.peer.clone());
        }
        if peers.len() >= self.max {
            let oldest = oldest_unused(&peers)?;
            peers.remove(&oldest);
        }
        let peer = Arc::new(Mutex::new(new()));
        let entry = PeerEntry {
            peer: peer.clone(),
            used: now,
        };
        peers.insert(key, entry);
        Some(peer)
    }
}

/// Returns the peer that was not called for the longest time, of those without
/// calls under way, which hold a reference.
fn oldest_unused<T>(peers: &HashMap<u64, PeerEntry<T>>) -> Option<u64> {
    let unused = peers
        .iter()
        .filter(|(_, entry)| Arc::strong_count(&entry.peer) == 1);
    unused
        .min_by_key(|(_, entry)| entry.used)
        .map(|(key, _)| *key)
}

//! The peers of a layer. Their number is bounded, because an application may
//! call any server that its users name.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use ahash::RandomState;
use tokio::time::Instant;

use super::{peer::Peer, settings::ObeySettings};
use crate::sync::{Mutex, lock};

/// A peer that calls and layers share.
pub(super) type SharedPeer = Arc<Mutex<Peer>>;

/// The peers, by the hash of their key.
#[derive(Debug)]
pub(super) struct Peers {
    peers: Mutex<HashMap<u64, Entry>>,
    hasher: RandomState,
    max: usize,
}

#[derive(Debug)]
struct Entry {
    peer: SharedPeer,
    used: Instant,
}

impl Peers {
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

    /// Returns the peer with this key; `None` if there are too many in use.
    pub(super) fn get(
        &self,
        key: &impl Hash,
        settings: &ObeySettings,
        now: Instant,
    ) -> Option<SharedPeer> {
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
        let peer = Arc::new(Mutex::new(Peer::new(settings)));
        let entry = Entry {
            peer: peer.clone(),
            used: now,
        };
        peers.insert(key, entry);
        Some(peer)
    }
}

/// Returns the peer that was not called for the longest time, of those without
/// calls under way, which hold a reference.
fn oldest_unused(peers: &HashMap<u64, Entry>) -> Option<u64> {
    let unused = peers
        .iter()
        .filter(|(_, entry)| Arc::strong_count(&entry.peer) == 1);
    unused
        .min_by_key(|(_, entry)| entry.used)
        .map(|(key, _)| *key)
}

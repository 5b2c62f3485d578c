//! The peers of a layer, and how they are known. Their number is bounded, because
//! an application may call any server that its users name.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use ahash::RandomState;
use http::Request;
use tokio::time::Instant;

use crate::{
    key::Key,
    sync::{Mutex, lock},
};

/// The number of peers, unless it is set.
pub(super) const DEFAULT_PEERS: usize = 1_024;

/// The peers that all services of a layer share, by the key of a call.
#[derive(Debug)]
pub(super) struct KeyedPeers<K, T> {
    key: K,
    peers: Peers<T>,
}

impl<K, T> KeyedPeers<K, T> {
    /// Returns no peers yet, and at most `max`.
    pub(super) fn new(key: K, max: usize) -> Self {
        let peers = Peers::new(max);
        Self { key, peers }
    }

    /// Returns how calls are told apart.
    pub(super) fn key(&self) -> &K {
        &self.key
    }

    /// Returns no peers yet, and at most as many as here, by another key.
    pub(super) fn with_key<K2>(&self, key: K2) -> KeyedPeers<K2, T> {
        KeyedPeers::new(key, self.peers.max)
    }

    /// Returns no peers yet, and at most `max`, by the same key.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    #[track_caller]
    pub(super) fn with_max(&self, max: usize) -> Self
    where
        K: Clone,
    {
        assert!(max > 0, "invalid max_peers 0: must be at least 1");
        Self::new(self.key.clone(), max)
    }

    /// Returns the peer of a call; `None` if the call has no key. Calls
    /// `untracked` if there are too many peers in use.
    pub(super) fn of<B>(
        &self,
        req: &Request<B>,
        now: Instant,
        new: impl FnOnce() -> T,
        untracked: impl FnOnce(),
    ) -> Option<SharedPeer<T>>
    where
        K: Key<Request<B>>,
    {
        let key = self.key.key(req)?;
        let peer = self.peers.get(&key, now, new);
        if peer.is_none() {
            untracked();
        }
        peer
    }
}

/// The peers of a layer, by the hashes of their keys.
#[derive(Debug)]
struct Peers<T> {
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
    fn new(max: usize) -> Self {
        Self {
            peers: Mutex::new(HashMap::new()),
            hasher: RandomState::new(),
            max,
        }
    }

    /// Returns the peer with this key; `None` if there are too many in use. A
    /// new one takes the place of the one that was not called for the longest
    /// time.
    fn get(&self, key: &impl Hash, now: Instant, new: impl FnOnce() -> T) -> Option<SharedPeer<T>> {
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

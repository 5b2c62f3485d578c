//! Tells of states that cannot be read: each once, and at a bounded rate, because
//! such a key may be asked for a thousand times a second.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use super::request::Bucket;
use crate::{
    limit::warn_log::Log,
    sync::{Mutex, lock},
};

/// Buckets that are remembered as told. With more than that, some are told again,
/// as often as the log allows.
const MAX_TOLD: usize = 256;

/// Bytes of a digest that are told: enough to compare with the names that there
/// are.
const DIGEST_BYTES: usize = 8;

/// The buckets that the log was told of.
pub(super) struct Unreadable {
    /// By their hashes in this process, the last one last.
    told: Mutex<VecDeque<u64>>,
    log: Log,
}

impl Default for Unreadable {
    fn default() -> Self {
        Self {
            told: Mutex::default(),
            log: Log::new(),
        }
    }
}

impl Unreadable {
    pub(super) fn tell(&self, limiter: &str, bucket: &Bucket) {
        if !self.is_new(bucket.key) {
            return;
        }
        // Not while the lock is held: whoever is told may ask a limiter.
        if !self.log.unreadable(limiter, &digest(&bucket.name)) {
            lock(&self.told).retain(|told| *told != bucket.key);
        }
    }

    fn is_new(&self, key: u64) -> bool {
        let mut told = lock(&self.told);
        if told.contains(&key) {
            return false;
        }
        if told.len() == MAX_TOLD {
            told.pop_front();
        }
        told.push_back(key);
        true
    }
}

/// The name holds the user's key, which does not belong into a log.
fn digest(name: &[u8]) -> String {
    let digest = Sha256::digest(name);
    let bytes = &digest[..DIGEST_BYTES];
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! Logs states that cannot be read: each once, and at a bounded rate, because
//! such a key may be asked for a thousand times a second.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use super::call::request::Bucket;
use crate::{
    limit::warn_log::WarnLog,
    sync::{Mutex, lock},
};

/// The most buckets that are remembered as logged. With more than that, some
/// are logged again, as often as the log allows.
const MAX_LOGGED: usize = 256;

/// The bytes of a digest that are logged: enough to compare it with the names
/// of existing buckets.
const DIGEST_BYTES: usize = 8;

/// The buckets that were logged.
pub(super) struct UnreadableLog {
    /// Their hashes in this process, the latest last.
    logged: Mutex<VecDeque<u64>>,
    /// Of its own, so that other events do not use up its rate.
    log: WarnLog,
}

impl Default for UnreadableLog {
    fn default() -> Self {
        Self {
            logged: Mutex::default(),
            log: WarnLog::new(),
        }
    }
}

impl UnreadableLog {
    /// Logs that the state of this bucket cannot be read, unless it was logged.
    pub(super) fn report(&self, limiter: &str, bucket: &Bucket) {
        if !self.is_new(bucket.hash) {
            return;
        }
        // Without the lock, because a subscriber of the log may ask a limiter.
        if !self.log.unreadable(limiter, &digest(&bucket.name)) {
            lock(&self.logged).retain(|logged| *logged != bucket.hash);
        }
    }

    /// Whether the bucket was not logged yet; from then on it counts as logged.
    fn is_new(&self, hash: u64) -> bool {
        let mut logged = lock(&self.logged);
        if logged.contains(&hash) {
            return false;
        }
        if logged.len() == MAX_LOGGED {
            logged.pop_front();
        }
        logged.push_back(hash);
        true
    }
}

/// A digest of a bucket's name, in hex. The name itself holds the user's key,
/// which must not be logged.
fn digest(name: &[u8]) -> String {
    let digest = Sha256::digest(name);
    let bytes = &digest[..DIGEST_BYTES];
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! Log events about denials and failures. They are rate-limited themselves, so
//! that an attack does not fill the disk. The layer and the limiter in Redis
//! write them.

use std::error::Error;

use tracing::{Level, enabled, event};

use super::{decision::Decision, log_turns::LogTurns};

/// The target of these events, to filter them by: the public module, whatever
/// private one writes them.
const TARGET: &str = "sluicegate::limit";

/// Writes up to ten events at once, and then one a second. Clones share that
/// limit.
#[derive(Clone, Debug)]
pub(crate) struct WarnLog {
    /// Whether keys are written in full.
    keys: bool,
    turns: LogTurns,
}

impl WarnLog {
    pub(super) fn new() -> Self {
        Self {
            keys: false,
            turns: LogTurns::new(),
        }
    }

    /// Writes keys in full.
    pub(super) fn write_keys(&mut self) {
        self.keys = true;
    }

    /// Whether a key will be written, so that the caller has to make it.
    pub(super) fn wants_key(&self) -> bool {
        self.keys && enabled!(target: TARGET, Level::INFO)
    }

    /// A request is over the limit. `key` is called only if it is written.
    pub(super) fn denied(
        &self,
        limiter: &str,
        shadow: bool,
        decision: &Decision,
        key: impl FnOnce() -> String,
    ) {
        if !enabled!(target: TARGET, Level::INFO) {
            return;
        }
        let Some(suppressed) = self.turns.next() else {
            return;
        };
        let (shadow, key) = (shadow.then_some(true), self.keys.then(key));
        let retry_after = decision.retry_after().map(tracing::field::debug);
        event!(target: TARGET, Level::INFO, limiter, shadow, key, retry_after, suppressed, "over the limit");
    }

    /// The limiter could not decide.
    pub(super) fn failed(&self, limiter: &str, error: &(dyn Error + 'static)) {
        self.warn(limiter, error, "the limit could not be checked");
    }

    /// A failure policy decided.
    #[cfg(feature = "redis")]
    pub(super) fn fell_back(&self, limiter: &str, error: &(dyn Error + 'static)) {
        self.warn(
            limiter,
            error,
            "the store did not answer; the policy decides",
        );
    }

    /// A state cannot be read. Returns whether the event was written. The key
    /// is a digest.
    #[cfg(feature = "redis")]
    pub(super) fn unreadable(&self, limiter: &str, key_sha256: &str) -> bool {
        let Some(suppressed) = self.turns.next() else {
            return false;
        };
        event!(
            target: TARGET,
            Level::WARN,
            limiter,
            key_sha256,
            suppressed,
            "the state of a key in redis cannot be read and is left alone; the policy decides, \
             until the key is reset or expires",
        );
        true
    }

    /// Redis evicts keys. Each limiter writes it once, so it is not
    /// rate-limited.
    #[cfg(feature = "redis")]
    pub(super) fn evicts(&self, limiter: &str, policy: &str) {
        event!(
            target: TARGET,
            Level::WARN,
            limiter,
            policy,
            "redis drops the state of limits when it is full, and lets pass what they would \
             deny: set maxmemory-policy to noeviction",
        );
    }

    /// Writes a failure of a limiter.
    fn warn(&self, limiter: &str, error: &(dyn Error + 'static), what: &str) {
        if let Some(suppressed) = self.turns.next() {
            event!(target: TARGET, Level::WARN, limiter, error, suppressed, "{what}");
        }
    }

    /// A request without a key was refused.
    pub(super) fn without_key(&self) {
        if let Some(suppressed) = self.turns.next() {
            event!(
                target: TARGET,
                Level::INFO,
                suppressed,
                "refused: nothing to limit the request by"
            );
        }
    }
}

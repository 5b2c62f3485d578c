//! How many questions, and what they came to.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the clones of a [`Redis`](super::Redis) limiter had counted at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisCounts {
    /// Questions that were sent to Redis: checks, credits, debits, resets.
    pub questions: u64,
    /// Entries that they were merged into: the same question about one bucket,
    /// asked several times in a row, is one.
    pub entries: u64,
    /// Calls of the script. Questions per call are the factor by which
    /// coalescing saves round trips.
    pub calls: u64,
    /// Denials that were remembered, so that Redis was not asked.
    pub recalled: u64,
    /// Checks that a lease admitted, so that Redis was not asked.
    pub leased: u64,
    /// Questions that found the queue full.
    pub overloaded: u64,
    /// Checks that Redis did not answer, so that the policy decided.
    pub fell_back: u64,
    /// Questions about buckets whose state could not be read, so that they
    /// failed: see [unreadable states](super::Redis#unreadable-states).
    pub unreadable: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    questions: AtomicU64,
    entries: AtomicU64,
    calls: AtomicU64,
    recalled: AtomicU64,
    leased: AtomicU64,
    overloaded: AtomicU64,
    fell_back: AtomicU64,
    unreadable: AtomicU64,
}

impl Counters {
    pub(super) fn called(&self, questions: usize, entries: usize) {
        self.questions.fetch_add(questions as u64, Relaxed);
        self.entries.fetch_add(entries as u64, Relaxed);
        self.calls.fetch_add(1, Relaxed);
    }

    pub(super) fn recalled(&self) {
        self.recalled.fetch_add(1, Relaxed);
    }

    pub(super) fn leased(&self) {
        self.leased.fetch_add(1, Relaxed);
    }

    pub(super) fn overloaded(&self) {
        self.overloaded.fetch_add(1, Relaxed);
    }

    pub(super) fn fell_back(&self) {
        self.fell_back.fetch_add(1, Relaxed);
    }

    pub(super) fn unreadable(&self) {
        self.unreadable.fetch_add(1, Relaxed);
    }

    pub(super) fn snapshot(&self) -> RedisCounts {
        RedisCounts {
            questions: self.questions.load(Relaxed),
            entries: self.entries.load(Relaxed),
            calls: self.calls.load(Relaxed),
            recalled: self.recalled.load(Relaxed),
            leased: self.leased.load(Relaxed),
            overloaded: self.overloaded.load(Relaxed),
            fell_back: self.fell_back.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
        }
    }
}

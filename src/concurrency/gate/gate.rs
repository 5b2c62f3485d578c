//! The gate: admits requests up to a limit that may move, and lets others wait.
//!
//! A request that finds a permit free takes it by one compare-and-swap. Once a
//! request waits, a bit of the word sends all others to the lock of the queue,
//! and with it each permit that comes back. So a permit is free only if no
//! waiting request may have it.

use std::{fmt, sync::Arc};

use tokio::time::Instant;

use super::{
    owner::Owner,
    queue::Queue,
    reserves::Reserves,
    service_time::ServiceTime,
    usage::{Load, Usage},
    waiters::{WaitList, Woken},
    word::{ONE, Word},
    work::Work,
};
use crate::{
    concurrency::{adaptive::Estimate, priority::Rank},
    sync::{AtomicU64, Mutex, MutexGuard, Ordering, lock},
};

/// Admits up to a limit.
pub(crate) struct Gate {
    pub(super) word: AtomicU64,
    pub(super) list: Mutex<WaitList>,
    pub(super) service_time: ServiceTime,
    pub(super) settings: Arc<GateSettings>,
    /// Which of its owner's gates this is, such as the hash of a key.
    tag: u64,
}

/// The settings that the gates of one limiter share.
#[derive(Debug, Default)]
pub(crate) struct GateSettings {
    pub(crate) queue: Queue,
    pub(crate) reserves: Reserves,
    pub(crate) owner: Option<Arc<dyn Owner>>,
}

impl Gate {
    /// Makes a gate with this limit, at most [`MAX_LIMIT`](super::MAX_LIMIT).
    pub(crate) fn new(settings: Arc<GateSettings>, limit: u32, tag: u64) -> Self {
        Self {
            word: AtomicU64::new(Word::new(limit).0),
            list: Mutex::default(),
            service_time: ServiceTime::default(),
            settings,
            tag,
        }
    }

    /// Takes a permit that is free while no request waits. Returns how many are
    /// in flight then.
    #[inline]
    pub(super) fn take(&self, rank: Rank) -> Option<u32> {
        let taken = self.change(|word| {
            let is_free = word.shed(rank, &self.settings.reserves).is_none();
            (is_free && !word.has_waiters()).then_some(Word(word.0 + ONE))
        });
        Some(taken?.in_flight() + 1)
    }

    /// Gives a permit back, or passes it on.
    #[inline]
    pub(crate) fn release(self: &Arc<Self>) {
        let before = Word(self.word.fetch_sub(ONE, Ordering::AcqRel));
        if before.has_waiters() {
            self.serve_waiting();
        } else {
            self.returned(before.in_flight() - 1);
        }
    }

    /// Sets the limit, at most [`MAX_LIMIT`](super::MAX_LIMIT). Waiting requests
    /// pass if it grows. If it shrinks, permits in flight stay valid, and no
    /// request passes until fewer than the limit are in flight.
    pub(crate) fn set_limit(self: &Arc<Self>, limit: u32) {
        let (mut list, mut woken) = (self.lock(), Woken::default());
        self.change(|word| Some(word.with_limit(limit)));
        self.serve(&mut list, &mut woken, Instant::now());
        self.unlock(list, woken);
    }

    /// Sets the lowest rank that passes. Waiting requests below it are refused.
    pub(crate) fn set_cut_off(self: &Arc<Self>, cut_off: Rank) {
        let (mut list, mut woken) = (self.lock(), Woken::default());
        self.change(|word| Some(word.with_cut_off(cut_off)));
        self.cut_off_waiting(&mut list, &mut woken, cut_off);
        self.unlock(list, woken);
    }

    /// Returns what is in use.
    pub(crate) fn usage(&self) -> Usage {
        let list = lock(&self.list);
        let word = self.word();
        Usage {
            limit: word.limit(),
            in_flight: word.in_flight(),
            cut_off: word.cut_off(),
            queued_by_level: list.by_level(),
        }
    }

    /// Returns the durations by which the owner moves the limit.
    pub(crate) fn estimate(&self) -> Option<Estimate> {
        self.settings.owner.as_ref()?.estimate()
    }

    /// Returns the limit and the permits in flight, without a lock.
    #[inline]
    pub(crate) fn load(&self) -> Load {
        let word = self.word();
        Load {
            limit: word.limit(),
            in_flight: word.in_flight(),
        }
    }

    /// Makes it like new, for another of its owner's purposes.
    pub(crate) fn reset(&mut self, limit: u32, tag: u64) {
        *self = Self::new(self.settings.clone(), limit, tag);
    }

    /// Returns the number that its owner gave it.
    pub(crate) fn tag(&self) -> u64 {
        self.tag
    }

    /// Returns the number of waiting requests.
    #[cfg(feature = "redis")]
    pub(crate) fn queued(&self) -> usize {
        match self.word().has_waiters() {
            true => self.lock().len(),
            false => 0,
        }
    }

    /// Returns whether the cut-off refuses this rank.
    #[cfg(feature = "redis")]
    pub(crate) fn is_cut_off(&self, rank: Rank) -> bool {
        rank < self.word().cut_off()
    }

    /// Returns whether no permit is in flight and no request waits.
    pub(crate) fn is_idle(&self) -> bool {
        let word = self.word();
        word.in_flight() == 0 && !word.has_waiters()
    }

    /// Returns whether a permit notes when it is given, if so many are in flight
    /// then. The queue learns the service time from permits that were given
    /// while half of the limit was in use: only then may it soon be needed, and
    /// others save the time of two reads of the clock.
    #[inline]
    pub(crate) fn is_timed(&self, in_flight: u32) -> bool {
        let settings = &*self.settings;
        let is_nearly_full = || u64::from(in_flight) * 2 >= u64::from(self.word().limit());
        (settings.queue.len > 0 && is_nearly_full()) || self.learns()
    }

    /// Returns whether the owner learns from the work of permits.
    #[inline]
    pub(crate) fn learns(&self) -> bool {
        self.settings.owner.as_ref().is_some_and(|it| it.is_timed())
    }

    /// Learns from a permit that ends: the queue, if there is one, and the owner.
    pub(crate) fn note(self: &Arc<Self>, work: Work) {
        if self.settings.queue.len > 0 {
            self.service_time.record(work.took);
        }
        if let Some(owner) = &self.settings.owner {
            owner.ended(self, work);
        }
    }

    /// Tells the owner that a permit came back.
    #[inline]
    pub(super) fn returned(self: &Arc<Self>, in_flight: u32) {
        if let Some(owner) = &self.settings.owner {
            owner.returned(self, in_flight);
        }
    }

    #[inline]
    pub(super) fn word(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, WaitList> {
        lock(&self.list)
    }

    /// Changes the word, unless `change` returns `None`, and returns what it was.
    /// A change of the limit or the cut-off needs the lock, because the waiting
    /// requests have to follow.
    #[inline]
    fn change(&self, change: impl Fn(Word) -> Option<Word>) -> Option<Word> {
        let change = |word| change(Word(word)).map(|word| word.0);
        let before = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
        before.ok().map(Word)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        f.debug_struct("Gate")
            .field("limit", &word.limit())
            .field("in_flight", &word.in_flight())
            .finish_non_exhaustive()
    }
}

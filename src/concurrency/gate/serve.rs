//! The gate gives permits to the requests in its queue, or refuses them, under
//! the lock of the queue.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    gate::Gate,
    waiters::{GrantedPermit, QueuePlace, QueuedRequest, WaitList, Woken},
    word::{ONE, WAITING, Word},
};
use crate::{
    concurrency::{priority::Rank, shed::Shed},
    sync::{MutexGuard, Ordering},
};

impl Gate {
    /// Passes on a permit that came back while a request waited.
    #[cold]
    #[inline(never)]
    pub(super) fn serve_waiting(self: &Arc<Self>) {
        let (mut list, mut woken) = (self.lock(), Woken::default());
        let has_served = self.serve(&mut list, &mut woken, Instant::now());
        let in_flight = self.word().in_flight();
        self.unlock(list, woken);
        if !has_served {
            self.returned(in_flight);
        }
    }

    /// Gives permits to waiting requests as long as there are any of both.
    /// Returns whether any request got one.
    pub(super) fn serve(&self, list: &mut WaitList, woken: &mut Woken, now: Instant) -> bool {
        self.end_old_waits(list, woken, now);
        let mut has_served = false;
        while let Some(level) = list.highest_level() {
            let lowest_of_level = Rank::new(level, Rank::COHORTS - 1);
            let word = self.word().with_cut_off(Rank::LOWEST);
            // Lower levels may use less of the limit, so none of them passes
            // either.
            if word
                .shed(lowest_of_level, &self.settings.reserves)
                .is_some()
            {
                break;
            }
            let Some(entry) = list.pop_next(level, &self.settings.queue, now) else {
                break;
            };
            has_served |= self.grant(entry, woken, now);
        }
        has_served
    }

    /// Gives a permit to a request that was taken out of the list, unless it is
    /// too late for it or its future is gone.
    fn grant(&self, entry: QueuedRequest, woken: &mut Woken, now: Instant) -> bool {
        if entry.deadline.is_some_and(|deadline| deadline <= now) {
            woken.refuse(entry, Shed::Expired);
            return false;
        }
        // Before the request knows of it, because it may give it back at once.
        let in_flight = self.take_locked();
        let grant = GrantedPermit {
            at: now,
            waited: now - entry.since,
            in_flight,
        };
        match entry.waiter.settle(Ok(grant)) {
            Ok(waker) => {
                woken.add(waker);
                true
            }
            Err(_) => {
                self.word.fetch_sub(ONE, Ordering::AcqRel);
                false
            }
        }
    }

    /// Takes a permit that is known to be free. Returns how many are in flight
    /// then.
    pub(super) fn take_locked(&self) -> u32 {
        Word(self.word.fetch_add(ONE, Ordering::AcqRel)).in_flight() + 1
    }

    /// Refuses the requests that have waited for too long, and with each of them
    /// all of lower rank, which would otherwise be better off.
    pub(super) fn end_old_waits(&self, list: &mut WaitList, woken: &mut Woken, now: Instant) {
        let max_wait = self.settings.queue.max_wait;
        let Some(since) = now.checked_sub(max_wait) else {
            return;
        };
        while let Some(entry) = list.pop_older(since) {
            let rank = entry.rank;
            let ended = entry.since + max_wait;
            if entry.deadline.is_some_and(|deadline| deadline <= ended) {
                woken.refuse(entry, Shed::Expired);
                continue;
            }
            woken.refuse(entry, Shed::TimedOut);
            while let Some(lower) = list.pop_below(rank) {
                woken.refuse(lower, Shed::Outranked);
            }
        }
    }

    /// Refuses the waiting requests below the cut-off.
    pub(super) fn cut_off_waiting(&self, list: &mut WaitList, woken: &mut Woken, cut_off: Rank) {
        while let Some(entry) = list.pop_below(cut_off) {
            woken.refuse(entry, Shed::CutOff);
        }
    }

    /// Ends a wait whose time has come.
    pub(super) fn end_wait(self: &Arc<Self>, place: QueuePlace, now: Instant) {
        let (mut list, mut woken) = (self.lock(), Woken::default());
        self.end_old_waits(&mut list, &mut woken, now);
        if let Some(entry) = list.remove(place) {
            woken.refuse(entry, Shed::Expired);
        }
        self.unlock(list, woken);
        self.notice_idleness();
    }

    /// Takes a request out of the queue whose future is gone.
    pub(super) fn leave(self: &Arc<Self>, place: QueuePlace) {
        let mut list = self.lock();
        list.remove(place);
        self.unlock(list, Woken::default());
        self.notice_idleness();
    }

    /// Tells the owner if nothing is in use any more after a wait has ended.
    fn notice_idleness(self: &Arc<Self>) {
        if self.is_idle() {
            self.returned(0);
        }
    }

    /// Lets requests pass without the lock again if none waits, and wakes.
    pub(super) fn unlock(&self, list: MutexGuard<'_, WaitList>, woken: Woken) {
        // It is set before the first request joins.
        if list.len() == 0 {
            self.word.fetch_and(!WAITING, Ordering::AcqRel);
        }
        drop(list);
        woken.wake();
    }
}

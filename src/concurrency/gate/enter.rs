//! How a request enters a gate: by a free permit, or by way of the queue.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    entry::{Entry, QueueWait, Span, Waiting},
    gate::Gate,
    permit::Permit,
    waiters::{QueuedRequest, WaitList, WaiterCell, Woken},
    word::{WAITING, Word},
};
use crate::{
    concurrency::{ask::Ask, priority::Rank, shed::Shed},
    criticality::Criticality,
    sync::Ordering,
};

/// The answer to a request, without the permit. It fits into registers, so that
/// a request that passes at once does not go through memory.
enum GateAnswer {
    /// It has a permit, with so many in flight.
    Now { in_flight: u32 },
    /// It waits.
    Later(Waiting),
    /// It is refused.
    Never(Shed),
}

impl Gate {
    /// Admits a request, or lets it wait, or refuses it.
    #[inline]
    pub(crate) fn enter(self: &Arc<Self>, ask: Ask) -> Entry {
        let answer = match self.take(ask.rank) {
            Some(in_flight) => GateAnswer::Now { in_flight },
            None => self.answer(ask),
        };
        self.entry(ask.rank, answer)
    }

    /// Admits a request if a permit is free and no request waits. It takes no
    /// lock.
    #[inline]
    pub(crate) fn try_enter(self: &Arc<Self>, rank: Rank) -> Option<Permit> {
        let in_flight = self.take(rank)?;
        Some(Permit::at_once(self.clone(), rank, in_flight))
    }

    /// Acts on a request that could not just take a permit.
    pub(crate) fn queue_or_refuse(self: &Arc<Self>, ask: Ask) -> Entry {
        self.entry(ask.rank, self.answer(ask))
    }

    /// Makes the permit.
    #[inline]
    fn entry(self: &Arc<Self>, rank: Rank, answer: GateAnswer) -> Entry {
        match answer {
            GateAnswer::Now { in_flight } => {
                Entry::Admitted(Permit::at_once(self.clone(), rank, in_flight))
            }
            GateAnswer::Later(waiting) => Entry::Queued(waiting),
            GateAnswer::Never(shed) => Entry::Refused(shed),
        }
    }

    /// Decides about a request that could not just take a permit.
    #[cold]
    #[inline(never)]
    fn answer(self: &Arc<Self>, ask: Ask) -> GateAnswer {
        let shed = self.word().shed(ask.rank, &self.settings.reserves);
        if let Some(shed) = shed.filter(|shed| !self.may_wait(ask.rank, *shed)) {
            self.wanted(false);
            return GateAnswer::Never(shed);
        }
        let (mut list, mut woken) = (self.lock(), Woken::default());
        let now = Instant::now();
        self.end_old_waits(&mut list, &mut woken, now);
        let answer = self.answer_locked(&mut list, &mut woken, ask, now);
        self.unlock(list, woken);
        match &answer {
            GateAnswer::Now { .. } => {}
            GateAnswer::Later(_) => self.wanted(true),
            GateAnswer::Never(_) => self.wanted(false),
        }
        answer
    }

    /// Returns whether a request that found no permit for this reason may wait.
    fn may_wait(&self, rank: Rank, shed: Shed) -> bool {
        let is_sheddable = rank.criticality() == Criticality::Sheddable;
        shed != Shed::CutOff && !is_sheddable && self.settings.queue.len > 0
    }

    /// Admits, queues or refuses a request, with the lock.
    fn answer_locked(
        self: &Arc<Self>,
        list: &mut WaitList,
        woken: &mut Woken,
        ask: Ask,
        now: Instant,
    ) -> GateAnswer {
        let word = self.word_after_waiting(list, woken, ask.rank, now);
        match word.shed(ask.rank, &self.settings.reserves) {
            None => GateAnswer::Now {
                in_flight: self.take_locked(),
            },
            Some(shed) if self.may_wait(ask.rank, shed) => {
                match self.make_place(list, woken, ask, shed, now) {
                    Ok(()) => GateAnswer::Later(Waiting::in_queue(self.join(list, ask, now))),
                    Err(shed) => GateAnswer::Never(shed),
                }
            }
            Some(shed) => GateAnswer::Never(shed),
        }
    }

    /// Sends all others to the lock, and returns the word then. A permit that it
    /// shows to be free is not for any of the waiting requests: one that comes
    /// back is counted as free before its owner has the lock to pass it on.
    fn word_after_waiting(
        &self,
        list: &mut WaitList,
        woken: &mut Woken,
        rank: Rank,
        now: Instant,
    ) -> Word {
        loop {
            // From here on, no permit is taken without the lock, until `unlock`
            // finds the list empty.
            let word = Word(self.word.fetch_or(WAITING, Ordering::AcqRel));
            let is_free = word.shed(rank, &self.settings.reserves).is_none();
            if !is_free || !self.serve(list, woken, now) {
                return word;
            }
        }
    }

    /// Makes sure that there is a place in the queue for a request that found no
    /// permit because of `shed`.
    fn make_place(
        &self,
        list: &mut WaitList,
        woken: &mut Woken,
        ask: Ask,
        shed: Shed,
        now: Instant,
    ) -> Result<(), Shed> {
        self.check_deadline(list, ask, now)?;
        if list.len() < self.settings.queue.len {
            return Ok(());
        }
        let outranked = list.pop_below(ask.rank).ok_or(shed)?;
        woken.refuse(outranked, Shed::Outranked);
        Ok(())
    }

    /// Refuses a request whose turn is expected to come too late.
    fn check_deadline(&self, list: &WaitList, ask: Ask, now: Instant) -> Result<(), Shed> {
        let Some(deadline) = ask.deadline else {
            return Ok(());
        };
        let left = deadline.instant().saturating_duration_since(now);
        let level = ask.rank.criticality();
        // The newest is served next, so no request is ahead of it.
        let is_newest_first = list.serves_newest_first(level, &self.settings.queue, now);
        let needed = match is_newest_first {
            true => Duration::ZERO,
            false => {
                let position = list.ahead_of(level) + 1;
                self.service_time.until_done(position, self.word().limit())
            }
        };
        match left.is_zero() || needed > left {
            true => Err(Shed::TooLate),
            false => Ok(()),
        }
    }

    /// Adds a request to the queue.
    fn join(self: &Arc<Self>, list: &mut WaitList, ask: Ask, now: Instant) -> QueueWait {
        let waiter = Arc::new(WaiterCell::new());
        let deadline = ask.deadline.map(|deadline| deadline.instant());
        let until = now + self.settings.queue.max_wait;
        let until = deadline.map_or(until, |deadline| deadline.min(until));
        let place = list.push(QueuedRequest {
            rank: ask.rank,
            since: now,
            deadline,
            waiter: waiter.clone(),
        });
        let span = Span { since: now, until };
        QueueWait::new(self.clone(), ask.rank, span, place, waiter)
    }

    /// Tells the owner that a request found no permit.
    fn wanted(self: &Arc<Self>, is_queued: bool) {
        if let Some(owner) = &self.settings.owner {
            owner.wanted(self, is_queued);
        }
    }
}

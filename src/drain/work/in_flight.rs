//! Everything in flight.
//!
//! Threads have a list each, under a lock that they rarely share. A request
//! reads the phase under that lock, and a drain looks at all lists under all
//! locks, after it has published its phase. So a request either is seen, or
//! sees that it is late; none is lost between the two.

use std::task::Waker;

use super::{ledger::Ledger, slots::Slots, work_name::WorkName};
use crate::{
    drain::{
        observe::Ending,
        state::{AtomicPhase, Phase},
    },
    stripes::Striped,
    sync::{Mutex, MutexGuard, lock},
};

/// The lists of all threads.
#[derive(Default)]
pub(crate) struct InFlight(Striped<Mutex<Stripe>>);

#[derive(Default)]
struct Stripe {
    slots: Slots<TrackedWork>,
    ledger: Ledger,
}

/// One request, or one guard.
struct TrackedWork {
    name: WorkName,
    /// Woken by last words and by the abort.
    waker: Option<Waker>,
    /// Whether this is a guard, and not the request of its name.
    is_guard: bool,
    /// Whether its handler took a guard.
    has_guard: bool,
}

/// Where an entry is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkKey {
    stripe: u32,
    slot: u32,
}

/// A request that came too late.
#[derive(Debug)]
pub(crate) struct Late;

impl InFlight {
    /// Adds a request, unless it is late.
    #[inline]
    pub(crate) fn enter(&self, phase: &AtomicPhase, name: WorkName) -> Result<WorkKey, Late> {
        let number = self.0.own_number();
        let mut stripe = lock(self.0.numbered(number));
        if phase.load() >= Phase::Draining {
            stripe.ledger.refused += 1;
            return Err(Late);
        }
        Ok(stripe.add(number, name, false))
    }

    /// Adds a guard, which is never late: other work has made it.
    pub(crate) fn add(&self, name: WorkName) -> WorkKey {
        let number = self.0.own_number();
        lock(self.0.numbered(number)).add(number, name, true)
    }

    /// Adds a guard of the work at this place.
    pub(crate) fn add_guard_of(&self, place: WorkKey) -> WorkKey {
        let mut stripe = self.stripe(place);
        let entry = stripe.slots.get_mut(place.slot);
        let name = entry.map(|entry| {
            entry.has_guard = true;
            entry.name.clone()
        });
        // Owners of tickets call this, so there is an entry.
        let name = name.unwrap_or(WorkName::Named("guard"));
        stripe.add(place.stripe as usize, name, true)
    }

    /// Notes that the connection became a tunnel. Returns whether no guard was
    /// taken for it.
    pub(crate) fn is_unguarded(&self, place: WorkKey) -> bool {
        let mut guard = self.stripe(place);
        let stripe = &mut *guard;
        match stripe.slots.get_mut(place.slot) {
            Some(entry) if !entry.has_guard => {
                stripe.ledger.unguarded(&entry.name);
                true
            }
            _ => false,
        }
    }

    /// Registers the task that polls the work.
    pub(crate) fn set_waker(&self, place: WorkKey, waker: Waker) {
        let mut stripe = self.stripe(place);
        let entry = stripe.slots.get_mut(place.slot);
        let before = entry.and_then(|entry| entry.waker.replace(waker));
        // Not under the lock: the drop of a waker may drop a task, and with it
        // other work.
        drop(stripe);
        drop(before);
    }

    /// Removes work that has ended. Returns how, if a drain has begun.
    pub(crate) fn remove(
        &self,
        place: WorkKey,
        ended: bool,
        phase: &AtomicPhase,
    ) -> Option<Ending> {
        let mut guard = self.stripe(place);
        let stripe = &mut *guard;
        let entry = stripe.slots.remove(place.slot)?;
        let end = end_in(phase.load(), ended);
        if let Some(end) = end {
            stripe.ledger.ended(&entry.name, entry.is_guard, end);
        }
        drop(guard);
        end
    }

    /// Returns whether nothing is in flight at this instant.
    pub(crate) fn is_empty(&self) -> bool {
        // All locks at once: work on one thread may make a guard on another and
        // then end.
        let all: Vec<_> = self.0.all().map(lock).collect();
        all.iter().all(|stripe| stripe.slots.len() == 0)
    }

    /// Returns how much is in flight.
    pub(crate) fn len(&self) -> usize {
        self.0.all().map(|stripe| lock(stripe).slots.len()).sum()
    }

    /// Wakes all tasks that poll work.
    pub(crate) fn wake_all(&self) {
        for stripe in self.0.all() {
            let wakers: Vec<Waker> = {
                let stripe = lock(stripe);
                let wakers = stripe.slots.iter().map(|entry| entry.waker.clone());
                wakers.flatten().collect()
            };
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Returns the counts so far. Work that is still there counts as aborted.
    pub(crate) fn ledger(&self) -> Ledger {
        let mut all = Ledger::default();
        for stripe in self.0.all() {
            let stripe = lock(stripe);
            all.add(&stripe.ledger);
            for entry in stripe.slots.iter() {
                all.ended(&entry.name, entry.is_guard, Ending::Aborted);
            }
        }
        all
    }

    fn stripe(&self, place: WorkKey) -> MutexGuard<'_, Stripe> {
        lock(self.0.numbered(place.stripe as usize))
    }
}

impl Stripe {
    fn add(&mut self, number: usize, name: WorkName, is_guard: bool) -> WorkKey {
        let entry = TrackedWork {
            name,
            waker: None,
            is_guard,
            has_guard: false,
        };
        WorkKey {
            // At most 8.
            stripe: number as u32,
            slot: self.slots.add(entry),
        }
    }
}

/// Returns how work ends in this phase; `None` before a drain.
fn end_in(phase: Phase, ended: bool) -> Option<Ending> {
    match phase {
        Phase::Serving => None,
        Phase::Aborting | Phase::Ended => Some(Ending::Aborted),
        _ if !ended => Some(Ending::Dropped),
        Phase::LameDuck | Phase::Draining => Some(Ending::Finished),
        Phase::Told | Phase::LastWords => Some(Ending::Cancelled),
    }
}

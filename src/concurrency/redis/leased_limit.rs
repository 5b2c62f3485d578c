//! One limit as this instance sees it: a gate whose limit is the number of
//! permits that are leased, and the lease.

use std::sync::{
    Arc,
    atomic::{
        AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use tokio::sync::Notify;

use super::{
    counts::LeaseEvent,
    lease::{Lease, LoadSample},
    script::{LeaseResult, Want},
    shared::LeaseContext,
};
use crate::{
    clock::Tick,
    concurrency::{
        gate::{Gate, Permit},
        priority::Rank,
    },
    redis::ErrorKind,
    sync::{AtomicU64, Mutex, lock},
};

/// One limit of the fleet.
pub(super) struct LeasedLimit {
    /// Its key in Redis.
    pub(super) key: Arc<[u8]>,
    pub(super) gate: Arc<Gate>,
    pub(super) shared: Arc<LeaseContext>,
    /// Until when the limit of the gate is good.
    good_until: AtomicU64,
    /// The most permits in use at once since the last plan.
    peak: AtomicU32,
    /// The requests that wait for a reply.
    waiting: AtomicU32,
    /// The requests that found no permit since the last plan.
    missed: AtomicU32,
    lease: Mutex<Lease>,
    /// Wakes the task that tends the lease.
    pub(super) wake: Notify,
    /// Wakes the requests that wait for a reply.
    pub(super) answered: Notify,
}

impl LeasedLimit {
    /// A limit without permits. `tag` is the number of its gate.
    pub(super) fn new(key: Vec<u8>, shared: &Arc<LeaseContext>, tag: u64) -> Arc<Self> {
        let limit = shared.outbox.caller.limit;
        Arc::new(Self {
            key: key.into(),
            gate: Arc::new(Gate::new(shared.gates.clone(), 0, tag)),
            shared: shared.clone(),
            good_until: AtomicU64::new(0),
            peak: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            missed: AtomicU32::new(0),
            lease: Mutex::new(Lease::new(shared.terms, limit, shared.lost())),
            wake: Notify::new(),
            answered: Notify::new(),
        })
    }

    /// Takes a permit that is free and leased.
    #[inline]
    pub(super) fn take(&self, rank: Rank) -> Option<Permit> {
        self.checked(self.gate.try_enter(rank)?)
    }

    /// Returns the permit if the lease has not ended. The clock is read after
    /// the permit was taken, because the process may stand still in between.
    pub(super) fn checked(&self, permit: Permit) -> Option<Permit> {
        let now = self.shared.now();
        if now >= self.good_until.load(Acquire) && !self.is_good_again(now, &permit) {
            return None;
        }
        if permit.in_flight() > self.peak.load(Relaxed) {
            self.peak.fetch_max(permit.in_flight(), Relaxed);
        }
        Some(permit)
    }

    /// Corrects the limit of the gate. Returns whether the permit, which was
    /// taken under the old one, is within it.
    fn is_good_again(&self, now: Tick, permit: &Permit) -> bool {
        permit.in_flight() <= self.refresh(now)
    }

    /// Sets the limit of the gate to the permits that may be used at `now`, and
    /// returns it.
    pub(super) fn refresh(&self, now: Tick) -> u32 {
        self.update(&lock(&self.lease), now)
    }

    /// The same while the lease is locked, so that no older limit is set
    /// after a newer one.
    fn update(&self, lease: &Lease, now: Tick) -> u32 {
        let (usable, until) = lease.usable(now, self.shared.instances());
        self.gate.set_limit(usable);
        self.good_until.store(until, Release);
        usable
    }

    /// Counts a request that found no permit, and wakes the task if that may
    /// help. Returns whether it may.
    pub(super) fn miss(&self) -> bool {
        self.missed.fetch_add(1, Relaxed);
        self.ask()
    }

    /// Wakes the task if a call may bring permits. Returns whether it may.
    pub(super) fn ask(&self) -> bool {
        let may_help = lock(&self.lease).is_worth_asking(self.shared.now());
        if may_help {
            self.wake.notify_one();
        }
        may_help
    }

    /// Counts a request as waiting for a reply, until it is dropped.
    pub(super) fn wait(self: &Arc<Self>) -> WaitGuard {
        self.waiting.fetch_add(1, AcqRel);
        WaitGuard(self.clone())
    }

    /// Ends what has ended at `now`.
    pub(super) fn end_lease(&self, now: Tick) {
        let mut lease = lock(&self.lease);
        let has_lapsed = lease.lapse(now);
        self.update(&lease, now);
        drop(lease);
        if has_lapsed {
            self.shared.outbox.counters.count(LeaseEvent::Lapsed);
            self.report_outlived(self.gate.load().in_flight);
        }
    }

    /// Returns what to tell the server at `now`; `None` if nothing.
    pub(super) fn plan(&self, now: Tick) -> Option<Want> {
        let load = self.load();
        let mut lease = lock(&self.lease);
        let want = match self.shared.is_closed() && load.in_use == 0 && load.missing == 0 {
            true => lease.plan_the_end(now),
            false => lease.plan(now, load, self.shared.instances()),
        }?;
        // Permits in use are counted after the gate admits no more than that.
        let usable = self.update(&lease, now);
        let held = usable.max(self.gate.load().in_flight);
        Some(Want {
            held,
            want: want.max(held),
        })
    }

    fn load(&self) -> LoadSample {
        let in_use = self.gate.load().in_flight;
        let queued = u32::try_from(self.gate.queued()).unwrap_or(u32::MAX);
        let waiting = self.waiting.load(Acquire).saturating_add(queued);
        LoadSample {
            in_use,
            peak: self.peak.swap(in_use, Relaxed),
            missing: self.missed.swap(0, Relaxed).max(waiting),
        }
    }

    /// Takes note of the result of a call that was sent at `sent`.
    pub(super) fn settle(&self, sent: Tick, told: Want, result: LeaseResult) {
        let now = self.shared.now();
        match result {
            Ok(grant) => {
                self.shared.note_answer(&self.key);
                let mut lease = lock(&self.lease);
                let without = lease.grant(sent, now, told, &grant);
                self.update(&lease, now);
                drop(lease);
                self.report_outlived(without.min(self.gate.load().in_flight));
            }
            Err(error) => {
                self.count_failure(&error);
                let lost = match error.kind() {
                    ErrorKind::Unreadable => now,
                    _ => self.shared.note_failure(now),
                };
                let mut lease = lock(&self.lease);
                lease.fail(now, lost);
                self.update(&lease, now);
            }
        }
        self.answered.notify_waiters();
    }

    fn count_failure(&self, error: &crate::redis::Error) {
        self.shared.outbox.counters.count(match error.kind() {
            ErrorKind::Unreadable => LeaseEvent::Unreadable,
            _ => LeaseEvent::Failed,
        });
        self.shared.log.failed(error);
    }

    fn report_outlived(&self, requests: u32) {
        if requests > 0 {
            self.shared.report_outlived(requests);
        }
    }

    /// Returns when there is something to do next, whatever the load.
    pub(super) fn next(&self, now: Tick) -> Tick {
        lock(&self.lease).next(now)
    }

    /// Returns when the lease ends next, here or at the server.
    pub(super) fn next_end(&self, now: Tick) -> Tick {
        lock(&self.lease).next_end(now)
    }

    /// Returns whether nothing is lost with this limit.
    pub(super) fn is_idle(&self, now: Tick) -> bool {
        self.gate.is_idle()
            && self.waiting.load(Acquire) == 0
            && self.missed.load(Acquire) == 0
            && lock(&self.lease).is_idle(now)
    }

    /// Returns how many permits are leased to this instance.
    pub(super) fn leased(&self) -> u32 {
        lock(&self.lease).count()
    }

    /// Returns whether the last call was not answered.
    pub(super) fn is_lost(&self) -> bool {
        lock(&self.lease).is_lost()
    }
}

/// A request that waits for a reply.
pub(super) struct WaitGuard(Arc<LeasedLimit>);

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{concurrency::redis::RedisBuilder, redis::Connection};

    #[tokio::test]
    async fn a_free_permit_is_not_taken_when_its_lease_has_ended() {
        let connection = Connection::builder("redis://127.0.0.1:1").lazy();
        let connection = connection.expect("a good address");
        let shared = RedisBuilder::new("db", 5, &connection).shared();
        let limit = LeasedLimit::new(b"k".to_vec(), &shared, 0);
        // As when the process stood still before the task could end the lease.
        limit.gate.set_limit(5);
        limit.good_until.store(shared.now() + 60_000_000, Release);
        assert!(limit.take(Rank::default()).is_some());
        limit.good_until.store(shared.now(), Release);
        assert!(limit.take(Rank::default()).is_none());
        assert_eq!(limit.gate.load().limit, 0);
    }
}

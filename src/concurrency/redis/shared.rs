//! The parts that all limits of a limiter share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use tokio::runtime::Handle;

use super::{lease::LeaseTerms, log::LeaseLog, outbox::Outbox};
use crate::{
    clock::{Clock, Monotonic, Tick},
    concurrency::{gate::GateSettings, observe::Observe},
    redis::{EvictionCheck, EvictionPolicy},
};

/// The calls, the clock and the settings of one instance of a limiter.
pub(super) struct LeaseContext {
    pub(super) outbox: Arc<Outbox>,
    /// The clock by which leases end here.
    pub(super) clock: Monotonic,
    pub(super) terms: LeaseTerms,
    pub(super) gates: Arc<GateSettings>,
    pub(super) log: Arc<LeaseLog>,
    observer: Option<Arc<dyn Observe>>,
    /// Since when no call was answered; 0 if the last one was.
    lost: AtomicU64,
    /// Whether all handles of the limiter are gone.
    is_closed: AtomicBool,
    eviction: EvictionCheck,
}

impl LeaseContext {
    pub(super) fn new(
        outbox: Outbox,
        terms: LeaseTerms,
        gates: GateSettings,
        log: LeaseLog,
        observer: Option<Arc<dyn Observe>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            outbox: Arc::new(outbox),
            clock: Monotonic::new(),
            terms,
            gates: Arc::new(gates),
            log: Arc::new(log),
            observer,
            lost: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            eviction: EvictionCheck::default(),
        })
    }

    pub(super) fn now(&self) -> Tick {
        self.clock.now()
    }

    /// Returns the number of instances; 0 if it is not known.
    pub(super) fn instances(&self) -> u32 {
        self.outbox.fleet.instances()
    }

    /// Returns since when no call was answered, about any limit.
    pub(super) fn lost(&self) -> Option<Tick> {
        Some(self.lost.load(Relaxed)).filter(|lost| *lost > 0)
    }

    /// A call failed. Returns since when none was answered.
    pub(super) fn note_failure(&self, now: Tick) -> Tick {
        let first = self.lost.compare_exchange(0, now, Relaxed, Relaxed);
        first.err().unwrap_or(now)
    }

    /// A call about the limit with this key was answered.
    pub(super) fn note_answer(&self, key: &Arc<[u8]>) {
        self.lost.store(0, Relaxed);
        self.learn_eviction_policy(key);
    }

    /// Tells that so many requests are served without a lease.
    pub(super) fn report_outlived(&self, requests: u32) {
        self.outbox.counters.count_outlived(requests);
        self.log.outlived(requests);
        if let Some(observer) = &self.observer {
            observer.outlived(self.log.name(), requests);
        }
    }

    /// Notes that no handle is left.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Relaxed)
    }

    /// Finds out whether the server drops leases when it is full, unless that
    /// is known, and warns if it does.
    fn learn_eviction_policy(&self, key: &Arc<[u8]>) {
        let Some(task) = self.eviction.begin() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (connection, key) = (self.outbox.connection.clone(), key.clone());
        let log = self.log.clone();
        runtime.spawn(async move {
            if let Ok(policy) = EvictionPolicy::ask_uncounted(&connection, &key).await {
                task.done();
                if let Some(policy) = policy.unsafe_name() {
                    log.evicts(policy);
                }
            }
        });
    }
}

//! The state that all handles of a drain, its layers and its guards share.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::{
    announcements::Announcements,
    machine::DrainMachine,
    phase::{AtomicPhase, Phase},
    schedule::Schedule,
};
use crate::{
    drain::{
        observe::{Event, Observe},
        stage::Stage,
        work::{Hooks, InFlight},
    },
    sync::{Mutex, lock},
};

/// The state that all handles of one drain share.
///
/// The machine decides under its lock. The phase is copied for requests, which
/// read it without that lock.
pub(crate) struct DrainState {
    pub(crate) phase: AtomicPhase,
    machine: Mutex<DrainMachine>,
    pub(crate) in_flight: InFlight,
    /// How many servers have not ended.
    servers: AtomicUsize,
    /// Woken when the phase changes, and when something ends that a drain waits
    /// for.
    changed: Notify,
    /// When cancellations fired.
    told: OnceLock<Instant>,
    /// Woken when cancellations fire.
    telling: Notify,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    announcements: Announcements,
    /// Run at the end.
    pub(crate) hooks: Hooks,
}

impl DrainState {
    pub(crate) fn new(schedule: Schedule, observer: Option<Arc<dyn Observe>>) -> Self {
        Self {
            phase: AtomicPhase::new(),
            machine: Mutex::new(DrainMachine::new(schedule)),
            in_flight: InFlight::default(),
            servers: AtomicUsize::new(0),
            changed: Notify::new(),
            told: OnceLock::new(),
            telling: Notify::new(),
            observer,
            announcements: Announcements::default(),
            hooks: Hooks::default(),
        }
    }

    /// Returns how far the drain has come.
    pub(crate) fn stage(&self) -> Stage {
        self.phase.load().stage()
    }

    /// Returns when cancellations fired; `None` while they have not.
    #[inline]
    pub(crate) fn told_at(&self) -> Option<Instant> {
        self.told.get().copied()
    }

    /// Returns the notification of when cancellations fire.
    pub(crate) fn telling(&self) -> &Notify {
        &self.telling
    }

    /// Returns when the drain began, and by when everything has to be over.
    pub(crate) fn times(&self) -> Option<(Instant, Instant)> {
        let machine = lock(&self.machine);
        machine.begun().zip(machine.closes_at())
    }

    /// Begins the drain, or aborts it if it has begun.
    pub(crate) fn signal(&self) {
        self.change(|machine, now| machine.signal(now));
    }

    /// Begins the drain, unless it has begun.
    pub(crate) fn begin(&self) {
        self.change(|machine, now| {
            if machine.phase() == Phase::Serving {
                machine.signal(now);
            }
        });
    }

    /// Aborts everything.
    pub(crate) fn abort(&self) {
        self.change(|machine, now| machine.abort(now));
    }

    /// Notes that a server runs, until the guard is dropped.
    pub(crate) fn serving(self: &Arc<Self>) -> ServerGuard {
        self.servers.fetch_add(1, SeqCst);
        ServerGuard(Arc::clone(self))
    }

    /// Wakes those who wait for the end, because something has ended.
    pub(crate) fn left(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until the phase is this or a later one. It does not drive the
    /// drain.
    pub(crate) async fn reached(&self, phase: Phase) {
        while self.phase.load() < phase {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registers before the phase is read, so that no change is missed.
            changed.as_mut().enable();
            if self.phase.load() < phase {
                changed.await;
            }
        }
    }

    /// Drives the drain, and returns when it has ended.
    pub(crate) async fn ended(&self) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let wakes_at = self.advance();
            if self.phase.load() == Phase::Ended {
                return;
            }
            match wakes_at {
                Some(at) => _ = timeout_at(at, changed).await,
                None => changed.await,
            }
        }
    }

    /// Goes on to the phase of this instant. Returns when the next one begins.
    fn advance(&self) -> Option<Instant> {
        self.change(DrainMachine::advance);
        // Only after the phase was published, so that no request enters
        // between the look and the end.
        if (Phase::Draining..Phase::Ended).contains(&self.phase.load()) && self.is_idle() {
            self.change(|machine, _| machine.idle());
        }
        lock(&self.machine).wakes_at()
    }

    fn is_idle(&self) -> bool {
        self.servers.load(SeqCst) == 0 && self.in_flight.is_empty()
    }

    /// Changes the machine, and wakes all that wait for it.
    fn change(&self, change: impl FnOnce(&mut DrainMachine, Instant)) {
        let now = Instant::now();
        let (before, after) = {
            let mut machine = lock(&self.machine);
            let before = machine.phase();
            change(&mut machine, now);
            let after = machine.phase();
            self.phase.store(after);
            if before.stage() != after.stage() {
                self.announcements.add(after.stage());
            }
            (before, after)
        };
        if before != after {
            self.changed(before, after, now);
        }
    }

    fn changed(&self, before: Phase, after: Phase, now: Instant) {
        let crossed = |phase| before < phase && phase <= after;
        if crossed(Phase::Told) {
            // Set before the wake-up, which makes waiters read it.
            _ = self.told.set(now);
            self.telling.notify_waiters();
        }
        if crossed(Phase::LastWords) || crossed(Phase::Aborting) {
            self.in_flight.wake_all();
        }
        self.changed.notify_waiters();
        self.announcements.run(|stage| self.announce(stage));
    }

    /// Logs a stage, and notifies the observer.
    fn announce(&self, stage: Stage) {
        let in_flight = self.in_flight.len();
        tracing::info!(target: "sluicegate::drain", stage = stage.as_str(), in_flight, "drain");
        self.notice(&Event::Entered(stage));
    }

    /// Notifies the observer, if there is one.
    #[inline]
    pub(crate) fn notice(&self, event: &Event) {
        if let Some(observer) = &self.observer {
            observer.noticed(event);
        }
    }
}

/// Counts a server as running until it is dropped.
pub(crate) struct ServerGuard(Arc<DrainState>);

impl Drop for ServerGuard {
    fn drop(&mut self) {
        self.0.servers.fetch_sub(1, SeqCst);
        if self.0.servers.load(SeqCst) == 0 {
            self.0.change(|machine, now| machine.stopped(now));
        }
        self.0.left();
    }
}

impl fmt::Debug for DrainState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainState")
            .field("stage", &self.stage())
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}

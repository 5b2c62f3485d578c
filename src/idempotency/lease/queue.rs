//! Leases that need not be renewed yet.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    runtime::Id,
    time::{Instant, sleep_until},
};

use super::renewal::Heart;
use crate::idempotency::store::Store;
use crate::runtime::{Idle, PerRuntime};

/// Hearts that rest until they have to beat for the first time. Most work has ended
/// by then, so that it never takes a task and a timer to keep its lease: all that a
/// claimant has claimed on one runtime share one. Each runtime has its own, because
/// a lease must not lapse while another runtime is blocked or stands still.
pub(crate) struct Hearts<S>(Arc<PerRuntime<Resting<S>>>);

/// Where a heart rests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    runtime: Id,
    turn: Turn,
}

/// When a heart has to beat, and which of those it is.
type Turn = (Instant, u64);

/// Of all claimants, so that no two are the same.
static TURNS: AtomicU64 = AtomicU64::new(0);

struct Resting<S> {
    hearts: BTreeMap<Turn, Arc<Heart<S>>>,
    /// When the alarm goes off, if it is set.
    alarm: Option<Instant>,
}

impl<S> Default for Resting<S> {
    fn default() -> Self {
        Self {
            hearts: BTreeMap::new(),
            alarm: None,
        }
    }
}

impl<S> Idle for Resting<S> {
    fn is_idle(&self) -> bool {
        self.hearts.is_empty() && self.alarm.is_none()
    }
}

impl<S> Hearts<S> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Does nothing about a heart that was started.
    pub(crate) fn remove(&self, place: Place) {
        // Who removes it has it too, so that nothing is dropped under the lock.
        self.0.of(place.runtime).hearts.remove(&place.turn);
    }
}

impl<S: Store> Hearts<S> {
    /// Has it started when that is due.
    pub(crate) fn add(&self, heart: &Arc<Heart<S>>) -> Place {
        let (runtime, due) = (heart.runtime(), heart.due());
        let mut resting = self.0.of(runtime.id());
        let turn = (due, TURNS.fetch_add(1, Relaxed));
        match resting.alarm {
            // Another lease is longer, or it took long to be had.
            Some(alarm) if due < alarm => Arc::clone(heart).start(),
            Some(_) => resting.rest(turn, heart),
            None => {
                resting.rest(turn, heart);
                resting.alarm = Some(due);
                drop(resting);
                let hearts = Arc::downgrade(&self.0);
                let alarm = Alarm(hearts, runtime.id());
                runtime.spawn(alarm.go_off(due));
            }
        }
        let runtime = runtime.id();
        Place { runtime, turn }
    }
}

impl<S: Store> Resting<S> {
    fn rest(&mut self, turn: Turn, heart: &Arc<Heart<S>>) {
        self.hearts.insert(turn, Arc::clone(heart));
    }

    /// Starts what is due by then; answers when the next is.
    fn start(&mut self, now: Instant) -> Option<Instant> {
        while let Some(first) = self.hearts.first_entry()
            && first.key().0 <= now
        {
            first.remove().start();
        }
        self.alarm = self.hearts.keys().next().map(|(due, _)| *due);
        self.alarm
    }
}

/// What starts the hearts of a runtime; it knows of none once there are none.
struct Alarm<S: Store>(Weak<PerRuntime<Resting<S>>>, Id);

impl<S: Store> Alarm<S> {
    async fn go_off(mut self, mut when: Instant) {
        loop {
            sleep_until(when).await;
            match self.start() {
                Some(next) => when = next,
                None => return self.0 = Weak::new(),
            }
        }
    }

    fn start(&self) -> Option<Instant> {
        let hearts = self.0.upgrade()?;
        hearts.of(self.1).start(Instant::now())
    }
}

impl<S: Store> Drop for Alarm<S> {
    /// With its runtime, which renews nothing any more.
    fn drop(&mut self) {
        if let Some(hearts) = self.0.upgrade() {
            let lost = std::mem::take(&mut *hearts.of(self.1));
            // What is dropped may want the lock.
            drop(lost);
        }
    }
}

impl<S> Clone for Hearts<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Hearts<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.all();
        let resting: usize = all.iter().map(|(_, it)| it.hearts.len()).sum();
        f.debug_struct("Hearts").field("resting", &resting).finish()
    }
}

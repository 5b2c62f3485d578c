//! Leases that need not be renewed yet.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Weak},
};

use tokio::time::{Instant, sleep_until};

use super::{heartbeat::Heart, store::Store};
use crate::sync::{Mutex, lock};

/// Hearts that rest until they have to beat for the first time. Most work has ended
/// by then, so that it never takes a task and a timer to keep its lease: all of a
/// claimant's share one.
pub(super) struct Hearts<S>(Arc<Mutex<Resting<S>>>);

/// When a heart has to beat, and which of those it is.
pub(super) type Place = (Instant, u64);

struct Resting<S> {
    hearts: BTreeMap<Place, Arc<Heart<S>>>,
    /// How many there have been.
    count: u64,
    /// When the alarm goes off, if it is set.
    alarm: Option<Instant>,
}

impl<S> Hearts<S> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Resting {
            hearts: BTreeMap::new(),
            count: 0,
            alarm: None,
        })))
    }

    /// Does nothing about a heart that was started.
    pub(super) fn remove(&self, place: Place) {
        // Who removes it has it too, so that nothing is dropped under the lock.
        lock(&self.0).hearts.remove(&place);
    }
}

impl<S: Store> Hearts<S> {
    /// Has it started when that is due.
    pub(super) fn add(&self, heart: &Arc<Heart<S>>) -> Place {
        let due = heart.due();
        let mut resting = lock(&self.0);
        resting.count += 1;
        let place = (due, resting.count);
        match resting.alarm {
            // Another lease is longer, or it took long to be had.
            Some(alarm) if due < alarm => Arc::clone(heart).start(),
            Some(_) => resting.rest(place, heart),
            None => {
                resting.rest(place, heart);
                resting.alarm = Some(due);
                tokio::spawn(Alarm(Arc::downgrade(&self.0)).go_off(due));
            }
        }
        place
    }
}

impl<S: Store> Resting<S> {
    fn rest(&mut self, place: Place, heart: &Arc<Heart<S>>) {
        self.hearts.insert(place, Arc::clone(heart));
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

    fn start_all(&mut self) {
        for (_, heart) in std::mem::take(&mut self.hearts) {
            heart.start();
        }
        self.alarm = None;
    }
}

/// What starts hearts; it knows of none once there are none.
struct Alarm<S: Store>(Weak<Mutex<Resting<S>>>);

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
        let resting = self.0.upgrade()?;
        lock(&resting).start(Instant::now())
    }
}

impl<S: Store> Drop for Alarm<S> {
    /// With its runtime, while the leases of others may be held: their own runtimes
    /// have them renewed.
    fn drop(&mut self) {
        if let Some(resting) = self.0.upgrade() {
            lock(&resting).start_all();
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
        let resting = lock(&self.0).hearts.len();
        f.debug_struct("Hearts").field("resting", &resting).finish()
    }
}

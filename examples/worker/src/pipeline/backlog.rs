//! Bounds how many events are pending, in the outbox and in the pipeline.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// The number of pending events, and its bound.
///
/// The count follows what this process does, and is corrected from the database
/// each second, because other processes may use it, too.
#[derive(Debug)]
pub(crate) struct Backlog {
    most: u64,
    counted: AtomicU64,
    /// Places of requests that are not in the outbox yet.
    reserved: AtomicU64,
}

/// A place in the outbox for an event that is not written yet. It is given back if
/// it is dropped.
#[derive(Debug)]
pub(crate) struct Reserved(Arc<Backlog>);

impl Backlog {
    pub(crate) fn new(most: u64, counted: u64) -> Self {
        Self {
            most,
            counted: counted.into(),
            reserved: AtomicU64::new(0),
        }
    }

    /// Reserves a place; `None` if there is none.
    pub(crate) fn reserve(self: &Arc<Self>) -> Option<Reserved> {
        let counted = self.counted.load(Relaxed);
        let room = |reserved| (counted + reserved < self.most).then_some(reserved + 1);
        let reserved = self.reserved.fetch_update(Relaxed, Relaxed, room);
        reserved.is_ok().then(|| Reserved(Arc::clone(self)))
    }

    /// Notes that an event was completed, or is a dead letter.
    pub(crate) fn ended(&self) {
        let less = |counted: u64| Some(counted.saturating_sub(1));
        let _ = self.counted.fetch_update(Relaxed, Relaxed, less);
    }

    /// Corrects the count.
    pub(crate) fn correct(&self, counted: u64) {
        self.counted.store(counted, Relaxed);
    }

    /// Returns the number of pending events.
    pub(crate) fn pending(&self) -> u64 {
        self.counted.load(Relaxed)
    }

    /// Returns the bound.
    pub(crate) fn most(&self) -> u64 {
        self.most
    }
}

impl Reserved {
    /// The event is in the outbox now.
    pub(crate) fn written(self) {
        self.0.counted.fetch_add(1, Relaxed);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.0.reserved.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_and_written_events_share_the_bound() {
        let backlog = Arc::new(Backlog::new(3, 1));
        let one = backlog.reserve().unwrap();
        let two = backlog.reserve().unwrap();
        assert!(backlog.reserve().is_none());
        one.written();
        assert_eq!(backlog.pending(), 2);
        assert!(backlog.reserve().is_none());
        drop(two);
        assert!(backlog.reserve().is_some());
        backlog.ended();
        assert_eq!(backlog.pending(), 1);
    }
}

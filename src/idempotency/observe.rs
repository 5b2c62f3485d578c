//! What became of claims, for those who count.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Is told what becomes of claims. This is where metrics attach.
///
/// It is called on the path of the work, so it should be quick. [`Counts`] is one
/// that counts.
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// Something was noticed.
    fn noticed(&self, event: &Event);
}

/// Something that was noticed.
///
/// All that [began](Self::Began) ends as exactly one of completed, released,
/// lost, unsaved and abandoned. One that was unsaved may be saved later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A claim may do the work; `recovered` if another had begun it.
    Began {
        /// Another had begun it, and its lease has lapsed.
        recovered: bool,
    },
    /// The work is done, and its record is kept.
    Completed,
    /// The work was not done, and its lease was given back.
    Released,
    /// The work ended, and its lease had gone to another by then.
    Lost,
    /// The work is done, and its record could not be kept yet.
    Unsaved,
    /// A record that could not be kept was kept later.
    SavedLate,
    /// The work was dropped, or panicked: its lease will lapse.
    Abandoned,
    /// A claim was answered with the record of work that is done.
    Replayed,
    /// A claim was refused, for its name has another fingerprint.
    Mismatched,
    /// A claim was refused, for the work is running.
    Running,
    /// A claim waited for the work to end, and was answered then.
    Waited,
    /// A claim was refused, for nobody knows how the work ended.
    Unknown,
    /// The store failed, whatever it was asked.
    StoreFailed,
}

/// An observer that counts.
#[derive(Debug, Default)]
pub struct Counts {
    began: AtomicU64,
    recovered: AtomicU64,
    completed: AtomicU64,
    released: AtomicU64,
    lost: AtomicU64,
    unsaved: AtomicU64,
    saved_late: AtomicU64,
    abandoned: AtomicU64,
    replayed: AtomicU64,
    mismatched: AtomicU64,
    running: AtomicU64,
    waited: AtomicU64,
    unknown: AtomicU64,
    store_failed: AtomicU64,
}

/// What [`Counts`] had counted at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Claims that might do the work.
    pub began: u64,
    /// Those of them whose work another had begun.
    pub recovered: u64,
    /// Work that is done and kept.
    pub completed: u64,
    /// Work that was not done and was given back.
    pub released: u64,
    /// Work that ended after its lease had gone to another.
    pub lost: u64,
    /// Work that is done and could not be kept at once.
    pub unsaved: u64,
    /// Records of such work that were kept later.
    pub saved_late: u64,
    /// Work that was dropped or panicked.
    pub abandoned: u64,
    /// Claims answered with a record.
    pub replayed: u64,
    /// Claims refused for another fingerprint.
    pub mismatched: u64,
    /// Claims refused for running work.
    pub running: u64,
    /// Claims that waited and were answered then.
    pub waited: u64,
    /// Claims refused for work of unknown outcome.
    pub unknown: u64,
    /// Failures of the store.
    pub store_failed: u64,
}

impl Counts {
    /// All counts; each is exact, but they are not read in one instant.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            began: self.began.load(Relaxed),
            recovered: self.recovered.load(Relaxed),
            completed: self.completed.load(Relaxed),
            released: self.released.load(Relaxed),
            lost: self.lost.load(Relaxed),
            unsaved: self.unsaved.load(Relaxed),
            saved_late: self.saved_late.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            replayed: self.replayed.load(Relaxed),
            mismatched: self.mismatched.load(Relaxed),
            running: self.running.load(Relaxed),
            waited: self.waited.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
            store_failed: self.store_failed.load(Relaxed),
        }
    }
}

impl Observe for Counts {
    fn noticed(&self, event: &Event) {
        let count = match event {
            Event::Began { recovered } => {
                self.recovered.fetch_add((*recovered).into(), Relaxed);
                &self.began
            }
            Event::Completed => &self.completed,
            Event::Released => &self.released,
            Event::Lost => &self.lost,
            Event::Unsaved => &self.unsaved,
            Event::SavedLate => &self.saved_late,
            Event::Abandoned => &self.abandoned,
            Event::Replayed => &self.replayed,
            Event::Mismatched => &self.mismatched,
            Event::Running => &self.running,
            Event::Waited => &self.waited,
            Event::Unknown => &self.unknown,
            Event::StoreFailed => &self.store_failed,
        };
        count.fetch_add(1, Relaxed);
    }
}

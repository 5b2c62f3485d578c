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
/// lost, unsaved and abandoned. One that was unsaved may be saved later. What
/// concerns requests is noticed by an [`IdempotencyLayer`](super::IdempotencyLayer)
/// alone.
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
    /// The store had lost what it knew of the work, and its record was written anew;
    /// noticed before the end that it comes with.
    Restored,
    /// A lease was renewed more than a third of its time too late: its runtime was
    /// blocked, or had too much to do. Another may have the work by then.
    RenewedLate,
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
    /// A request passed without a key.
    Passed,
    /// A request was refused, for it needs a key and has none.
    Missing,
    /// A request was refused, for its key cannot be read.
    Malformed,
    /// A request was refused, for it does not say whose its key is.
    Unowned,
    /// A request was refused, for its body is too large to compare.
    TooLarge,
    /// A request was refused, for the bodies that are held leave no room for its own.
    Overloaded,
    /// A request was refused, for its body ended with an error.
    Unreadable,
    /// An answer that a claim was [replayed](Self::Replayed) cannot be given, for it was
    /// not kept, or cannot be read by who asks.
    NotRetained,
    /// A request passed, for the store has no answer, and that is no reason to refuse
    /// it.
    FailedOpen,
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
    restored: AtomicU64,
    renewed_late: AtomicU64,
    abandoned: AtomicU64,
    replayed: AtomicU64,
    mismatched: AtomicU64,
    running: AtomicU64,
    waited: AtomicU64,
    unknown: AtomicU64,
    store_failed: AtomicU64,
    passed: AtomicU64,
    missing: AtomicU64,
    malformed: AtomicU64,
    unowned: AtomicU64,
    too_large: AtomicU64,
    overloaded: AtomicU64,
    unreadable: AtomicU64,
    not_retained: AtomicU64,
    failed_open: AtomicU64,
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
    /// Records that were written anew, for the store had lost the work.
    pub restored: u64,
    /// Renewals that came more than a third of a lease too late.
    pub renewed_late: u64,
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
    /// Requests that passed without a key.
    pub passed: u64,
    /// Requests refused for having no key.
    pub missing: u64,
    /// Requests refused for a key that cannot be read.
    pub malformed: u64,
    /// Requests refused for a key that is nobody's.
    pub unowned: u64,
    /// Requests refused for a body that is too large.
    pub too_large: u64,
    /// Requests refused because too many bytes of bodies were held.
    pub overloaded: u64,
    /// Requests refused for a body that ended with an error.
    pub unreadable: u64,
    /// Answers that were not kept when they were asked for.
    pub not_retained: u64,
    /// Requests that passed while the store had no answer.
    pub failed_open: u64,
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
            restored: self.restored.load(Relaxed),
            renewed_late: self.renewed_late.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            replayed: self.replayed.load(Relaxed),
            mismatched: self.mismatched.load(Relaxed),
            running: self.running.load(Relaxed),
            waited: self.waited.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
            store_failed: self.store_failed.load(Relaxed),
            passed: self.passed.load(Relaxed),
            missing: self.missing.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            unowned: self.unowned.load(Relaxed),
            too_large: self.too_large.load(Relaxed),
            overloaded: self.overloaded.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
            not_retained: self.not_retained.load(Relaxed),
            failed_open: self.failed_open.load(Relaxed),
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
            Event::Restored => &self.restored,
            Event::RenewedLate => &self.renewed_late,
            Event::Abandoned => &self.abandoned,
            Event::Replayed => &self.replayed,
            Event::Mismatched => &self.mismatched,
            Event::Running => &self.running,
            Event::Waited => &self.waited,
            Event::Unknown => &self.unknown,
            Event::StoreFailed => &self.store_failed,
            Event::Passed => &self.passed,
            Event::Missing => &self.missing,
            Event::Malformed => &self.malformed,
            Event::Unowned => &self.unowned,
            Event::TooLarge => &self.too_large,
            Event::Overloaded => &self.overloaded,
            Event::Unreadable => &self.unreadable,
            Event::NotRetained => &self.not_retained,
            Event::FailedOpen => &self.failed_open,
        };
        count.fetch_add(1, Relaxed);
    }
}

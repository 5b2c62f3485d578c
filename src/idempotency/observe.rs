//! Events of claims and of requests with keys, for metrics and logs.

use std::{fmt, sync::atomic::Ordering::Relaxed};

/// Receives an [`Event`] for each claim and for each request that may have a
/// key: the place to attach metrics.
///
/// It is called on the path of the work, so it should be quick. [`Counts`] is
/// an implementation that counts.
///
/// ```
/// use sluicegate::idempotency::{Event, Observe};
///
/// #[derive(Debug)]
/// struct Print;
///
/// impl Observe for Print {
///     fn noticed(&self, event: &Event) {
///         if *event == Event::Unknown {
///             println!("a claim was refused: its outcome is unknown");
///         }
///     }
/// }
/// ```
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// Called with each event.
    fn noticed(&self, event: &Event);
}

/// Something that happened to a claim or to a request.
///
/// Each [`Began`](Self::Began) is followed by exactly one of completed,
/// released, lost, unsaved and abandoned. An unsaved record may be saved later.
/// Events of requests come from an
/// [`IdempotencyLayer`](super::IdempotencyLayer) only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A claim was granted, and its work may run.
    Began {
        /// Whether the lease of an earlier holder had lapsed.
        recovered: bool,
    },
    /// The work is done, and its record is kept.
    Completed,
    /// The work was not done, and its lease was given back.
    Released,
    /// The work ended after another holder had taken over its lease.
    Lost,
    /// The work is done, but its record is not kept yet: the store failed.
    Unsaved,
    /// An unsaved record was kept later.
    SavedLate,
    /// The store had lost the work, and its record was written again. The event
    /// of its end follows.
    Restored,
    /// A lease was renewed more than a third of its time too late, because its
    /// runtime was blocked or overloaded. Another holder may have the work by
    /// then.
    RenewedLate,
    /// The work panicked, was dropped, or ended with an unknown outcome, such as
    /// a 504. Its lease will lapse.
    Abandoned,
    /// A claim was answered with the record of finished work.
    Replayed,
    /// A claim was refused because its name has another fingerprint.
    Mismatched,
    /// A claim was refused because the work is running.
    Running,
    /// A claim waited for the work to end and was then answered.
    Waited,
    /// A claim was refused because the outcome of the work is unknown.
    Unknown,
    /// A call to the store failed, or returned a record that cannot be read.
    StoreFailed,
    /// A request passed without a key.
    Passed,
    /// A request was refused because it needs a key and has none.
    Missing,
    /// A request was refused because its key cannot be read.
    Malformed,
    /// A request was refused because it has no principal to scope its key.
    Unowned,
    /// A request was refused because its body is too large to compare.
    TooLarge,
    /// A request was refused because the layer's memory for bodies is used up.
    Overloaded,
    /// A request was refused because its body ended with an error.
    Unreadable,
    /// A [replayed](Self::Replayed) response could not be given, because it was
    /// not kept or the client cannot read it.
    NotRetained,
    /// A request passed because the store failed and the layer fails open.
    FailedOpen,
}

counters! {
    /// An observer that counts events.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sluicegate::idempotency::{Claimant, Counts, Local};
    ///
    /// let counts = Arc::new(Counts::default());
    /// let claimant = Claimant::new(Local::new()).observe(counts.clone());
    /// assert_eq!(counts.snapshot().began, 0);
    /// # drop(claimant);
    /// ```
    pub struct Counts(Event);

    /// The counts of a [`Counts`] at one moment.
    pub struct Snapshot {
        /// Claims that were granted.
        began: Event::Began { .. },
        /// Granted claims whose earlier holder's lease had lapsed.
        recovered,
        /// Work that is done and whose record is kept.
        completed: Event::Completed,
        /// Work that was not done and was given back.
        released: Event::Released,
        /// Work that ended after its lease had gone to another holder.
        lost: Event::Lost,
        /// Work that is done and whose record could not be kept at once.
        unsaved: Event::Unsaved,
        /// Unsaved records that were kept later.
        saved_late: Event::SavedLate,
        /// Records that were written again because the store had lost the work.
        restored: Event::Restored,
        /// Renewals that came more than a third of a lease too late.
        renewed_late: Event::RenewedLate,
        /// Work that panicked, was dropped, or ended with an unknown outcome.
        abandoned: Event::Abandoned,
        /// Claims answered with a record.
        replayed: Event::Replayed,
        /// Claims refused because of another fingerprint.
        mismatched: Event::Mismatched,
        /// Claims refused because the work is running.
        running: Event::Running,
        /// Claims that waited and were then answered.
        waited: Event::Waited,
        /// Claims refused because the outcome is unknown.
        unknown: Event::Unknown,
        /// Calls to the store that failed, or returned an unreadable record.
        store_failed: Event::StoreFailed,
        /// Requests that passed without a key.
        passed: Event::Passed,
        /// Requests refused because they have no key.
        missing: Event::Missing,
        /// Requests refused because their key cannot be read.
        malformed: Event::Malformed,
        /// Requests refused because they have no principal.
        unowned: Event::Unowned,
        /// Requests refused because their body is too large.
        too_large: Event::TooLarge,
        /// Requests refused because the memory for bodies is used up.
        overloaded: Event::Overloaded,
        /// Requests refused because their body ended with an error.
        unreadable: Event::Unreadable,
        /// Responses that were asked for and had not been kept.
        not_retained: Event::NotRetained,
        /// Requests that passed while the store failed.
        failed_open: Event::FailedOpen,
    }
}

impl Observe for Counts {
    fn noticed(&self, event: &Event) {
        self.counter(event).fetch_add(1, Relaxed);
        if matches!(event, Event::Began { recovered: true }) {
            self.recovered.fetch_add(1, Relaxed);
        }
    }
}

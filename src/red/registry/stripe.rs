//! A stripe: the counters of a series for one group of threads. Guards hold it
//! for as long as a request lasts.

use std::{
    fmt, iter,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    budget::{Budget, PerSide},
    completion::{Chain, Completion},
};
use crate::{
    histogram::{Durations, Histogram},
    red::{
        CompletionKey, Labels, LabelsRef, RegistrySettings, TraceId,
        export::{ExportHooks, Exports, Recorders, completion_recorders},
        snapshot,
    },
    sync::{Mutex, lock},
};

/// The parts of a registry that all of its series need.
pub(crate) struct SeriesContext {
    pub(crate) settings: RegistrySettings,
    /// The room for series on each side.
    pub(super) budgets: PerSide<Budget>,
    /// The exporters that are notified of every request.
    pub(super) exports: Exports,
    /// The registry itself. It is weak, because the registry owns the series.
    pub(super) lookup: Weak<dyn SeriesLookup>,
}

/// Finds the series that takes over a request. The registry implements it; the
/// trait keeps stripes from depending on the registry.
pub(crate) trait SeriesLookup: Send + Sync {
    /// Returns the stripe of this thread for these labels.
    fn stripe_of(&self, labels: LabelsRef<'_>) -> Arc<Stripe>;

    /// Returns the stripe of this thread in the overflow series for a
    /// completion that the series with these labels has no room for.
    fn overflow_of(&self, labels: &Labels, key: CompletionKey) -> Arc<Stripe>;
}

/// The series has no room for another completion key; the request has to end in
/// the overflow series.
#[derive(Debug)]
pub(crate) struct NoRoom;

/// The parts of a series that all of its stripes need.
pub(crate) struct Common {
    pub(crate) labels: Labels,
    context: Arc<SeriesContext>,
    /// The exporters' callbacks for this series; `None` without exporters.
    hooks: Option<Box<ExportHooks>>,
    /// The completion keys that have room, with the exporters' callbacks.
    keys: Mutex<Vec<(CompletionKey, Recorders)>>,
    /// Whether this series counts what other series have no room for. It has
    /// room for every key, but ignores statuses.
    is_overflow: bool,
}

/// The counters of a series for one group of threads.
///
/// Requests hold it in an [`Arc`], whose reference count is written by the same
/// threads only. The first thread of the group allocates it, so that its
/// neighbours in memory mostly belong to that thread, too.
#[derive(Debug)]
pub(crate) struct Stripe {
    pub(crate) common: Arc<Common>,
    /// Requests that started here.
    started: AtomicU64,
    /// Requests that started here and were moved to another series since.
    moved: AtomicU64,
    /// Durations until there was a response.
    heads: Histogram,
    /// The ends, by completion key.
    completions: Chain,
}

impl Stripe {
    /// Returns a stripe without requests.
    pub(super) fn new(common: &Arc<Common>) -> Self {
        Self {
            common: Arc::clone(common),
            started: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            heads: Histogram::new(common.settings().bounds.len()),
            completions: Chain::new(),
        }
    }

    /// Returns the settings of the registry.
    #[inline]
    pub(crate) fn settings(&self) -> &RegistrySettings {
        self.common.settings()
    }

    /// Counts the start of a request.
    #[inline]
    pub(crate) fn start(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
        self.common.notify(ExportHooks::start);
    }

    /// Counts a response that began after `micros` microseconds.
    #[inline]
    pub(crate) fn head(&self, micros: u64) {
        self.heads.record(&self.settings().bounds, micros);
        self.common.notify(|hooks| hooks.head(micros));
    }

    /// Counts the end of a request, or answers that there is no room for its
    /// key. In either case the exporters no longer see it in flight here.
    #[inline]
    pub(crate) fn end(
        &self,
        key: CompletionKey,
        micros: u64,
        trace: Option<TraceId>,
    ) -> Result<(), NoRoom> {
        let key = self.common.countable(key);
        let known = self.known().find(|it| it.key == key);
        let completion = known.or_else(|| self.admit(key));
        if let Some(completion) = completion {
            completion.record(self.settings(), micros, trace);
        }
        self.leave();
        completion.map(drop).ok_or(NoRoom)
    }

    /// Tells the exporters that a request is no longer in flight here.
    #[inline]
    pub(crate) fn leave(&self) {
        self.common.notify(ExportHooks::end);
    }

    /// Makes room for a key, so that it is read as 0 before it first occurs.
    pub(super) fn preregister(&self, key: CompletionKey) {
        self.admit(self.common.countable(key));
    }

    /// Moves a request that started here to the stripe that `find` returns, as
    /// if it had started there.
    ///
    /// Returns `None` if the registry is gone, where nothing can be read any
    /// more, and for the overflow series, which keeps what it has.
    pub(crate) fn move_to(
        &self,
        find: impl FnOnce(&dyn SeriesLookup) -> Arc<Self>,
    ) -> Option<Arc<Self>> {
        if self.common.is_overflow {
            return None;
        }
        let lookup = self.common.context.lookup.upgrade()?;
        let stripe = find(&*lookup);
        // Started there before it is subtracted here: a snapshot in between
        // counts the request twice rather than not at all.
        stripe.start();
        self.moved.fetch_add(1, Ordering::Release);
        Some(stripe)
    }

    /// Returns how many requests ever started here, moved ones included.
    pub(super) fn begun(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Returns how many requests started here and were not moved.
    pub(super) fn started(&self) -> u64 {
        // Loaded first: each move comes after its start.
        let moved = self.moved.load(Ordering::Acquire);
        self.begun() - moved
    }

    /// Reads the durations until there was a response.
    pub(super) fn heads(&self) -> Durations {
        self.heads.read(&self.settings().bounds)
    }

    /// Returns the completions of this stripe.
    fn known(&self) -> impl Iterator<Item = &Completion> {
        let first = self.completions.get();
        iter::successors(first, |it| it.next.get()).map(|it| &**it)
    }

    /// Appends a completion for this key, if the series has room for it.
    #[cold]
    fn admit(&self, key: CompletionKey) -> Option<&Completion> {
        let recorders = self.common.admitted(key)?;
        let mut chain = &self.completions;
        loop {
            let make = || Completion::new(key, self.settings(), &recorders);
            let found = chain.get_or_init(|| Box::new(make()));
            if found.key == key {
                return Some(found);
            }
            chain = &found.next;
        }
    }

    /// Adds the completions of this stripe to those of others.
    pub(super) fn read_completions(&self, into: &mut Vec<snapshot::Completion>) {
        for completion in self.known() {
            let read = completion.read(self.settings());
            match into.iter_mut().find(|it| it.key == read.key) {
                Some(same) => same.add(read),
                None => into.push(read),
            }
        }
    }
}

impl Common {
    /// Returns the common parts of a series, and asks the exporters for
    /// callbacks.
    pub(super) fn new(labels: Labels, context: &Arc<SeriesContext>, is_overflow: bool) -> Self {
        Self {
            hooks: ExportHooks::new(&labels, &context.exports, &context.settings),
            labels,
            context: Arc::clone(context),
            keys: Mutex::default(),
            is_overflow,
        }
    }

    #[inline]
    pub(super) fn settings(&self) -> &RegistrySettings {
        &self.context.settings
    }

    /// Calls the exporters' callbacks, if there are any.
    #[inline]
    fn notify(&self, notify: impl FnOnce(&ExportHooks)) {
        if let Some(hooks) = &self.hooks {
            notify(hooks);
        }
    }

    /// Returns the key to count by.
    #[inline]
    fn countable(&self, key: CompletionKey) -> CompletionKey {
        match self.is_overflow {
            false => key,
            true => key.without_status(),
        }
    }

    /// Returns the callbacks for a key, or `None` if there is no room for it.
    fn admitted(&self, key: CompletionKey) -> Option<Recorders> {
        let mut keys = lock(&self.keys);
        if let Some((_, recorders)) = keys.iter().find(|(known, _)| *known == key) {
            return Some(Arc::clone(recorders));
        }
        // The room for the first key was taken when the series was made.
        let is_free = self.is_overflow || keys.is_empty();
        if !is_free && !self.context.budgets.of(self.labels.kind).take() {
            return None;
        }
        let (exports, settings) = (&self.context.exports, self.settings());
        let recorders = completion_recorders(&self.labels, key, exports, settings);
        // Most series have one or two keys, and there are many series: the
        // usual growth to four would waste half of the memory.
        keys.reserve_exact(1);
        keys.push((key, Arc::clone(&recorders)));
        Some(recorders)
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

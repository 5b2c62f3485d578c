//! The requests of one label set, as they are counted.

use std::{
    borrow::Cow,
    cell::Cell,
    fmt, iter,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use http::Method;

use super::{
    completion::{Chain, Completion},
    settings::Settings,
    table::Table,
};
use crate::{
    histogram::{Durations, Histogram},
    red::{
        exemplar::TraceId,
        export::{self, ExportHooks, Recorders},
        labels::{Kind, Labels, LabelsRef},
        outcome::{Cause, Outcome},
        snapshot,
        status::Status,
    },
};

/// What came of a request: what its completion is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CompletionKey {
    /// See [`Status::number`].
    pub(crate) status: u16,
    pub(crate) outcome: Outcome,
    pub(crate) cause: Cause,
    pub(crate) streamed: bool,
}

impl CompletionKey {
    pub(crate) fn new(
        status: Option<Status>,
        outcome: Outcome,
        cause: Cause,
        streamed: bool,
    ) -> Self {
        Self {
            status: Status::number(status),
            outcome,
            cause,
            streamed,
        }
    }

    /// What kind of error it was, from the side that counts.
    pub(crate) fn error_type(self, kind: Kind) -> Option<Cow<'static, str>> {
        if let Some(name) = self.cause.as_str() {
            return Some(name.into());
        }
        // A server has made no mistake when it says that a client has.
        let is_error = self.outcome != Outcome::Ok && kind.is_client();
        let status = Status::numbered(self.status);
        let status = status.filter(|_| is_error || self.outcome.is_failure());
        status.map(|status| status.to_string().into())
    }

    /// The same without its status: of these there are few.
    fn without_status(self) -> Self {
        Self { status: 0, ..self }
    }
}

/// The requests of one label set. Threads count in stripes of their own, so that
/// none waits for a cache line that another one writes to.
#[derive(Debug)]
pub(crate) struct Series {
    common: Arc<Common>,
    stripes: Box<[OnceLock<Arc<Stripe>>]>,
}

/// How many stripes a series has that is not busy.
const FIRST: usize = 2;

/// As many requests as make a stripe busy.
const BUSY: u64 = 1_000;

/// What the stripes have in common.
pub(crate) struct Common {
    pub(crate) labels: Labels,
    pub(crate) settings: Arc<Settings>,
    /// Nobody is told by most registries.
    hooks: Option<Box<ExportHooks>>,
    /// For which completions there is room, and whom they are told to.
    keys: Mutex<Vec<(CompletionKey, Recorders)>>,
    /// Where those go for which there is none; nowhere if they come here.
    beyond: Option<Weak<Table>>,
}

/// What some of the threads count. It is held by an [`Arc`] for each request, whose
/// count of holders is theirs alone too: the thread that comes first makes it, so
/// its neighbours in memory are mostly of that thread.
#[derive(Debug)]
pub(crate) struct Stripe {
    pub(crate) common: Arc<Common>,
    started: AtomicU64,
    /// Started here, and counted elsewhere since.
    moved: AtomicU64,
    /// Until there was a response.
    heads: Histogram,
    completions: Chain,
}

impl Series {
    /// Without `beyond`, all completions end here, and none has a status.
    pub(crate) fn new(
        labels: Labels,
        settings: &Arc<Settings>,
        beyond: Option<Weak<Table>>,
    ) -> Self {
        let common = Common {
            hooks: ExportHooks::new(&labels, settings),
            labels,
            settings: Arc::clone(settings),
            keys: Mutex::default(),
            beyond,
        };
        Self {
            common: Arc::new(common),
            stripes: (0..settings.stripes).map(|_| OnceLock::new()).collect(),
        }
    }

    pub(crate) fn labels(&self) -> &Labels {
        &self.common.labels
    }

    /// The stripe of this thread.
    #[inline]
    pub(crate) fn stripe(&self) -> &Arc<Stripe> {
        // There is a power of two of them.
        let nth = thread_number() & (self.stripes.len() - 1);
        self.stripes[nth].get().unwrap_or_else(|| self.share(nth))
    }

    /// One of the first two, as long as there is not much to count: most series are
    /// not worth more memory.
    fn share(&self, nth: usize) -> &Arc<Stripe> {
        let shared = self.made(nth % FIRST);
        if nth < FIRST || shared.started.load(Ordering::Relaxed) < BUSY {
            return shared;
        }
        self.made(nth)
    }

    fn made(&self, nth: usize) -> &Arc<Stripe> {
        self.stripes[nth].get_or_init(|| Arc::new(Stripe::new(&self.common)))
    }

    /// What was counted. Completions are read before what was started, so that
    /// never more has ended than has begun.
    pub(crate) fn read(&self) -> snapshot::Series {
        let settings = &self.common.settings;
        let mut completions = self.completions();
        completions.sort_by_key(|completion| completion.key);
        let mut heads = Durations::none(&settings.bounds);
        for stripe in self.stripes() {
            heads.add(&stripe.heads.read(&settings.bounds));
        }
        let started = self.stripes().map(|it| it.started());
        snapshot::Series {
            labels: self.common.labels.clone(),
            started: started.sum(),
            heads,
            completions,
        }
    }

    /// What came of those that have ended, in no order.
    pub(crate) fn completions(&self) -> Vec<snapshot::Completion> {
        let mut completions = Vec::new();
        for stripe in self.stripes() {
            stripe.read_completions(&mut completions);
        }
        completions
    }

    fn stripes(&self) -> impl Iterator<Item = &Arc<Stripe>> {
        self.stripes.iter().filter_map(OnceLock::get)
    }
}

impl Stripe {
    fn new(common: &Arc<Common>) -> Self {
        Self {
            common: Arc::clone(common),
            started: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            heads: Histogram::new(common.settings.bounds.len()),
            completions: Chain::new(),
        }
    }

    #[inline]
    pub(crate) fn start(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
        self.common.told(ExportHooks::start);
    }

    #[inline]
    pub(crate) fn head(&self, micros: u64) {
        self.heads.record(&self.common.settings.bounds, micros);
        self.common.told(|hooks| hooks.head(micros));
    }

    #[inline]
    pub(crate) fn end(&self, key: CompletionKey, micros: u64, trace: Option<TraceId>) {
        let key = self.common.countable(key);
        let known = self.known().find(|it| it.key == key);
        match known.or_else(|| self.admit(key)) {
            Some(completion) => completion.record(&self.common.settings, micros, trace),
            None => self.move_beyond(key, micros, trace),
        }
        self.common.told(ExportHooks::end);
    }

    /// Makes room for it, so that it is read before it has been seen.
    pub(crate) fn expect(&self, key: CompletionKey) {
        self.admit(self.common.countable(key));
    }

    /// What was started is what has ended, and what has not.
    fn started(&self) -> u64 {
        let moved = self.moved.load(Ordering::Acquire);
        self.started.load(Ordering::Relaxed) - moved
    }

    fn known(&self) -> impl Iterator<Item = &Completion> {
        let first = self.completions.get();
        iter::successors(first, |it| it.next.get()).map(|it| &**it)
    }

    #[cold]
    fn admit(&self, key: CompletionKey) -> Option<&Completion> {
        let recorders = self.common.admitted(key)?;
        let mut chain = &self.completions;
        loop {
            let make = || Completion::new(key, &self.common.settings, &recorders);
            let found = chain.get_or_init(|| Box::new(make()));
            if found.key == key {
                return Some(found);
            }
            chain = &found.next;
        }
    }

    /// One that was started here is counted there, as if it had been from the
    /// beginning. Nowhere if the registry is gone: nobody will ever read it.
    fn moved(&self, to: impl FnOnce(&Table) -> Arc<Self>) -> Option<Arc<Self>> {
        let table = self.common.beyond.as_ref().and_then(Weak::upgrade)?;
        let stripe = to(&table);
        stripe.start();
        self.moved.fetch_add(1, Ordering::Release);
        Some(stripe)
    }

    #[cold]
    fn move_beyond(&self, key: CompletionKey, micros: u64, trace: Option<TraceId>) {
        let labels = &self.common.labels;
        let beyond = self.moved(|table| Arc::clone(table.beyond(labels, key).stripe()));
        if let Some(beyond) = beyond {
            beyond.end(key, micros, trace);
        }
    }

    /// Moves one to the series of this route. Until then it was counted as of no
    /// route, or as a call of gRPC because its caller said so.
    pub(crate) fn moved_to(&self, route: &str, method: &Method) -> Option<Arc<Self>> {
        let labels = LabelsRef {
            kind: Kind::HttpServer,
            method: self.common.settings.http_methods.label(method),
            route,
            peer: "",
        };
        let routed = self.moved(|table| Arc::clone(table.series(labels).stripe()))?;
        self.common.told(ExportHooks::end);
        Some(routed)
    }

    fn read_completions(&self, into: &mut Vec<snapshot::Completion>) {
        for completion in self.known() {
            let read = completion.read(&self.common.settings);
            match into.iter_mut().find(|it| it.key == read.key) {
                Some(same) => same.add(read),
                None => into.push(read),
            }
        }
    }
}

impl Common {
    /// Tells those who are told of each request.
    #[inline]
    fn told(&self, tell: impl FnOnce(&ExportHooks)) {
        if let Some(hooks) = &self.hooks {
            tell(hooks);
        }
    }

    /// The key to count by. Beyond the room there is none for statuses.
    #[inline]
    fn countable(&self, key: CompletionKey) -> CompletionKey {
        match self.beyond {
            Some(_) => key,
            None => key.without_status(),
        }
    }

    /// Whom it is told to, if there is room for it. The first was paid for when the
    /// series was made.
    fn admitted(&self, key: CompletionKey) -> Option<Recorders> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, recorders)) = keys.iter().find(|(known, _)| *known == key) {
            return Some(Arc::clone(recorders));
        }
        let is_free = self.beyond.is_none() || keys.is_empty();
        if !is_free && !self.settings.budgets.of(self.labels.kind).take() {
            return None;
        }
        let recorders = export::ended(&self.labels, key, &self.settings);
        // There are few, and many who have them.
        keys.reserve_exact(1);
        keys.push((key, Arc::clone(&recorders)));
        Some(recorders)
    }
}

/// Numbers threads, in the order in which they come first.
#[inline]
pub(crate) fn thread_number() -> usize {
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // Where the thread's own storage is gone already, any stripe will do.
    let number = NUMBER.try_with(|number| {
        number.get().unwrap_or_else(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            number.set(Some(next));
            next
        })
    });
    number.unwrap_or_default()
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

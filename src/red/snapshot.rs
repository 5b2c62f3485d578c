//! Snapshots: everything that was counted up to one time. Registries and fleets
//! are read as snapshots, and exporters and objectives read those.

use std::borrow::Cow;

#[cfg(feature = "redis")]
use super::components::ConnectionCounts;
use super::{
    Cause, CompletionKey, Exemplar, Kind, Labels, Outcome, Status,
    components::{ConcurrencyCounts, DeadlineCounts, DrainCounts, LimiterCounts},
    exemplar::newest,
};
use crate::{deadline, histogram::Durations};

/// Everything that was counted up to one time, in this process or in a fleet.
///
/// For each series, and for all together, the number of started requests is
/// that of ended ones and of those in flight. The counts are not read in one
/// instant, but every request that is among the ended ones is among the started
/// ones, too.
///
/// ```
/// use sluicegate::red::{Labels, Outcome, Registry};
///
/// let snapshot = Registry::new().snapshot();
/// assert_eq!(snapshot.started(), snapshot.ended() + snapshot.in_flight());
/// let matched = snapshot.only(|labels| labels.route() != Labels::UNMATCHED);
/// println!("{} failed, p99 {:?}", matched.failed(), matched.durations().map(|it| it.quantile(0.99)));
/// println!("{} cancelled", matched.count(Outcome::Cancelled));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The series, in the order of their labels.
    pub series: Vec<Series>,
    /// About how many label sets had no room. Their requests are counted
    /// together.
    pub overflowed: u64,
    /// How many of these label sets were of sent requests. A fleet does not
    /// know it: 0 there.
    pub overflowed_sent: u64,
    /// The limiters that this registry observes, in the order of their names.
    pub(crate) limiters: Vec<LimiterCounts>,
    /// The limits of concurrency, in the order of their names.
    pub(crate) concurrency: Vec<ConcurrencyCounts>,
    /// `None` without a drain.
    pub(crate) drain: Option<DrainCounts>,
    /// `None` before a layer for deadlines has noticed anything.
    pub(crate) deadlines: Option<DeadlineCounts>,
    /// Connections to Redis, by their names.
    #[cfg(feature = "redis")]
    pub(crate) connections: Vec<(String, ConnectionCounts)>,
    /// Registries of deadlines, by their names.
    pub(crate) registries: Vec<(String, deadline::registry::Counts)>,
    /// `None` before anything was noticed of idempotency keys.
    #[cfg(feature = "idempotency")]
    pub(crate) keys: Option<crate::idempotency::Snapshot>,
    /// `None` before a layer for retries has noticed anything.
    #[cfg(feature = "client")]
    pub(crate) retries: Option<crate::client::retry::Snapshot>,
}

/// The requests of one label set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Series {
    /// The labels.
    pub labels: Labels,
    /// How many requests started.
    pub started: u64,
    /// How long it took until there was a response, for requests that got one.
    pub heads: Durations,
    /// The requests that have ended, by how they ended.
    pub completions: Vec<Completion>,
}

/// Requests of a series that ended in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completion {
    /// How they ended.
    pub(crate) key: CompletionKey,
    /// How long they took until their end.
    pub durations: Durations,
    /// The exemplars by bucket; empty if there are none.
    pub(crate) exemplars: Vec<Option<Exemplar>>,
}

impl Snapshot {
    /// Returns a snapshot of the requests with labels that `wanted` accepts.
    /// Nothing else is in it.
    ///
    /// ```
    /// use sluicegate::red::{Kind, Registry};
    ///
    /// let sent = Registry::new().snapshot().only(|labels| labels.kind() == Kind::HttpClient);
    /// assert_eq!(sent.started(), 0);
    /// ```
    pub fn only(&self, wanted: impl Fn(&Labels) -> bool) -> Self {
        let series = self.series.iter().filter(|series| wanted(&series.labels));
        Self {
            series: series.cloned().collect(),
            overflowed: self.overflowed,
            overflowed_sent: self.overflowed_sent,
            ..Self::default()
        }
    }

    /// Returns a snapshot of the requests on this route.
    pub fn route(&self, route: &str) -> Self {
        self.only(|labels| labels.route() == route)
    }

    /// Returns how many requests started.
    pub fn started(&self) -> u64 {
        self.series.iter().map(|series| series.started).sum()
    }

    /// Returns how many requests have ended.
    pub fn ended(&self) -> u64 {
        self.series.iter().map(Series::ended).sum()
    }

    /// Returns how many requests have not ended.
    pub fn in_flight(&self) -> u64 {
        self.series.iter().map(Series::in_flight).sum()
    }

    /// Returns how many requests ended with this outcome.
    ///
    /// ```
    /// use sluicegate::red::{Outcome, Registry};
    ///
    /// let snapshot = Registry::new().snapshot();
    /// let ended: u64 = Outcome::ALL.into_iter().map(|outcome| snapshot.count(outcome)).sum();
    /// assert_eq!(ended, snapshot.ended());
    /// ```
    pub fn count(&self, outcome: Outcome) -> u64 {
        let completions = self.completions();
        let such = completions.filter(|(_, it)| it.outcome() == outcome);
        such.map(|(_, it)| it.durations.count()).sum()
    }

    /// Returns how many requests have failed; see [`Series::failed`].
    pub fn failed(&self) -> u64 {
        self.series.iter().map(Series::failed).sum()
    }

    /// Returns how long requests took until their end, without streams. `None`
    /// if none has ended, or if their histograms have different bounds.
    pub fn durations(&self) -> Option<Durations> {
        let prompt = self.completions().filter(|(_, it)| !it.is_streamed());
        together(prompt.map(|(_, it)| &it.durations))
    }

    /// Returns how long it took until there was a response. `None` if there was
    /// none, or if the histograms have different bounds.
    pub fn heads(&self) -> Option<Durations> {
        together(self.series.iter().map(|series| &series.heads))
    }

    /// Returns all completions, with the labels of their series.
    ///
    /// ```
    /// use sluicegate::red::Registry;
    ///
    /// for (labels, completion) in Registry::new().snapshot().completions() {
    ///     println!("{labels}: {} {}", completion.outcome().as_str(), completion.durations.count());
    /// }
    /// ```
    pub fn completions(&self) -> impl Iterator<Item = (&Labels, &Completion)> {
        self.series.iter().flat_map(|series| {
            let completions = series.completions.iter();
            completions.map(|completion| (&series.labels, completion))
        })
    }
}

/// Counts that only exporters read otherwise, for tests.
#[cfg(feature = "testing")]
#[doc(hidden)]
impl Snapshot {
    pub fn limiters(&self) -> &[LimiterCounts] {
        &self.limiters
    }

    pub fn concurrency(&self) -> &[ConcurrencyCounts] {
        &self.concurrency
    }

    pub fn drain(&self) -> Option<&DrainCounts> {
        self.drain.as_ref()
    }

    pub fn deadlines(&self) -> Option<&DeadlineCounts> {
        self.deadlines.as_ref()
    }

    #[cfg(feature = "redis")]
    pub fn connections(&self) -> &[(String, ConnectionCounts)] {
        &self.connections
    }

    pub fn registries(&self) -> &[(String, deadline::registry::Counts)] {
        &self.registries
    }
}

/// Returns the sum of all, or `None` if there are none or their bounds differ.
fn together<'a>(mut durations: impl Iterator<Item = &'a Durations>) -> Option<Durations> {
    let mut all = durations.next()?.clone();
    durations.all(|one| all.add(one)).then_some(all)
}

impl Series {
    /// Returns how many requests have ended.
    pub fn ended(&self) -> u64 {
        self.completions.iter().map(|it| it.durations.count()).sum()
    }

    /// Returns how many requests have not ended.
    pub fn in_flight(&self) -> u64 {
        self.started.saturating_sub(self.ended())
    }

    /// Returns how long requests took until their end; see
    /// [`Snapshot::durations`].
    pub fn durations(&self) -> Option<Durations> {
        let prompt = self.completions.iter().filter(|it| !it.is_streamed());
        together(prompt.map(|it| &it.durations))
    }

    /// Returns how many requests have failed: those whose outcome is a
    /// [failure](Outcome::is_failure). Of sent requests, a [client
    /// error](Outcome::ClientError) is an error of this process and counts as
    /// well.
    pub fn failed(&self) -> u64 {
        let ours = self.labels.kind().is_client();
        let failure = |it: &&Completion| {
            it.outcome().is_failure() || (ours && it.outcome() == Outcome::ClientError)
        };
        let failures = self.completions.iter().filter(failure);
        failures.map(|it| it.durations.count()).sum()
    }
}

impl Completion {
    /// Returns their outcome.
    pub fn outcome(&self) -> Outcome {
        self.key.outcome
    }

    /// Returns the status of their responses, if there were any.
    pub fn status(&self) -> Option<Status> {
        Status::numbered(self.key.status)
    }

    /// Returns what ended them.
    pub fn cause(&self) -> Cause {
        self.key.cause
    }

    /// Returns whether they were streams, whose duration is not a latency.
    pub fn is_streamed(&self) -> bool {
        self.key.streamed
    }

    /// Returns how long the requests of the exemplars took, and their traces,
    /// those of fast requests first.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn exemplars(&self) -> impl Iterator<Item = (std::time::Duration, super::TraceId)> {
        let exemplars = self.exemplars.iter().flatten();
        exemplars.map(|it| (it.duration(), it.trace()))
    }

    /// Adds completions with the same key and bounds.
    pub(crate) fn add(&mut self, others: Self) {
        self.durations.add(&others.durations);
        newest(&mut self.exemplars, &others.exemplars);
    }

    /// Returns the value of the label `error.type` for requests of this kind.
    ///
    /// Requests that were cancelled or shed have one, too, so use the
    /// [outcome](Self::outcome) to tell failures. `None` if they ended well, or
    /// if the status says enough: a 404 is an error to the client and not to
    /// the server.
    ///
    /// ```
    /// use http::{Method, StatusCode};
    /// use sluicegate::red::Registry;
    ///
    /// let metrics = Registry::new();
    /// metrics.preregister(&Method::GET, "/orders", [StatusCode::BAD_GATEWAY]);
    /// let snapshot = metrics.snapshot();
    /// let (labels, completion) = snapshot.completions().next().unwrap();
    /// assert_eq!(completion.error_type(labels.kind()).as_deref(), Some("502"));
    /// ```
    pub fn error_type(&self, kind: Kind) -> Option<Cow<'static, str>> {
        self.key.error_type(kind)
    }
}

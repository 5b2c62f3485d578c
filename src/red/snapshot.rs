//! What was counted, at one time.

use std::borrow::Cow;

#[cfg(feature = "redis")]
use super::components::ConnectionCounts;
use super::{
    completion_key::CompletionKey,
    components::{DeadlineCounts, LimiterCounts},
    exemplar::{Exemplar, newest},
    labels::{Kind, Labels},
    outcome::{Cause, Outcome},
    status::Status,
};
use crate::{deadline, histogram::Durations};

/// What was counted up to one time, in this process or in a fleet.
///
/// Of each series, and so of all together, what was started is what has ended and
/// what is in flight. Counts are not all read in one instant, but none that has
/// ended is missing among those that were started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// In the order of their labels.
    pub series: Vec<Series>,
    /// About how many more label sets there were than there is room for. They are
    /// counted together.
    pub overflowed: u64,
    /// How many of these label sets were of sent requests. A fleet does not know it:
    /// 0 there.
    pub overflowed_sent: u64,
    /// The limiters that this registry observes, in the order of their names.
    pub(crate) limiters: Vec<LimiterCounts>,
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
}

/// The requests of one label set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Series {
    /// What they have in common.
    pub labels: Labels,
    /// How many there were.
    pub started: u64,
    /// How long it took until there was a response, of those that had one.
    pub heads: Durations,
    /// What came of them.
    pub completions: Vec<Completion>,
}

/// Requests of a series of which the same came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completion {
    pub(crate) key: CompletionKey,
    /// How long it took until their end.
    pub durations: Durations,
    /// By bucket; empty if there is none.
    pub(crate) exemplars: Vec<Option<Exemplar>>,
}

impl Snapshot {
    /// The part of it that is about these, which are requests and nothing else.
    pub fn only(&self, wanted: impl Fn(&Labels) -> bool) -> Self {
        let series = self.series.iter().filter(|series| wanted(&series.labels));
        Self {
            series: series.cloned().collect(),
            overflowed: self.overflowed,
            overflowed_sent: self.overflowed_sent,
            ..Self::default()
        }
    }

    /// The part of it that is about this route.
    pub fn route(&self, route: &str) -> Self {
        self.only(|labels| labels.route() == route)
    }

    /// How many requests were started.
    pub fn started(&self) -> u64 {
        self.series.iter().map(|series| series.started).sum()
    }

    /// How many have ended.
    pub fn ended(&self) -> u64 {
        self.series.iter().map(Series::ended).sum()
    }

    /// How many have not ended.
    pub fn in_flight(&self) -> u64 {
        self.series.iter().map(Series::in_flight).sum()
    }

    /// Of how many this came.
    pub fn count(&self, outcome: Outcome) -> u64 {
        let completions = self.completions();
        let such = completions.filter(|(_, it)| it.outcome() == outcome);
        such.map(|(_, it)| it.durations.count()).sum()
    }

    /// How many have failed; see [`Series::failed`].
    pub fn failed(&self) -> u64 {
        self.series.iter().map(Series::failed).sum()
    }

    /// How long requests took until their end, streams aside; `None` if none has
    /// ended, or if their histograms have different bounds.
    pub fn durations(&self) -> Option<Durations> {
        let prompt = self.completions().filter(|(_, it)| !it.is_streamed());
        together(prompt.map(|(_, it)| &it.durations))
    }

    /// How long it took until there was a response; `None` if there was none.
    pub fn heads(&self) -> Option<Durations> {
        together(self.series.iter().map(|series| &series.heads))
    }

    /// All completions, with the labels of their series.
    pub fn completions(&self) -> impl Iterator<Item = (&Labels, &Completion)> {
        self.series.iter().flat_map(|series| {
            let completions = series.completions.iter();
            completions.map(|completion| (&series.labels, completion))
        })
    }
}

/// What only exporters read otherwise, for tests.
#[cfg(feature = "testing")]
#[doc(hidden)]
impl Snapshot {
    pub fn limiters(&self) -> &[LimiterCounts] {
        &self.limiters
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

fn together<'a>(mut durations: impl Iterator<Item = &'a Durations>) -> Option<Durations> {
    let mut all = durations.next()?.clone();
    durations.all(|one| all.add(one)).then_some(all)
}

impl Series {
    /// How many have ended.
    pub fn ended(&self) -> u64 {
        self.completions.iter().map(|it| it.durations.count()).sum()
    }

    /// How many have not ended.
    pub fn in_flight(&self) -> u64 {
        self.started.saturating_sub(self.ended())
    }

    /// How long they took until their end, streams aside; as
    /// [`Snapshot::durations`].
    pub fn durations(&self) -> Option<Durations> {
        let prompt = self.completions.iter().filter(|it| !it.is_streamed());
        together(prompt.map(|it| &it.durations))
    }

    /// How many have failed: [`Outcome::is_failure`], and of those that were sent
    /// [`Outcome::ClientError`] too, for an error of ours is one.
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
    /// What came of them.
    pub fn outcome(&self) -> Outcome {
        self.key.outcome
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<Status> {
        Status::numbered(self.key.status)
    }

    /// What ended them.
    pub fn cause(&self) -> Cause {
        self.key.cause
    }

    /// Whether they were streams, of which the end is not the answer's.
    pub fn is_streamed(&self) -> bool {
        self.key.streamed
    }

    /// The last one of each bucket that belongs to a trace, fast ones first; see
    /// [`Builder::exemplars`](super::Builder::exemplars).
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn exemplars(&self) -> impl Iterator<Item = &Exemplar> {
        self.exemplars.iter().flatten()
    }

    /// Adds others, of the same key and bounds.
    pub(crate) fn add(&mut self, others: Self) {
        self.durations.add(&others.durations);
        newest(&mut self.exemplars, &others.exemplars);
    }

    /// Why requests of this kind did not end well, for the label `error.type` of semantic
    /// conventions. Requests that were cancelled or shed have one too, so it is the
    /// [outcome](Self::outcome) that tells failures. `None` if they ended well, or if
    /// their status says enough: 404 is an error to the client and not to the server.
    pub fn error_type(&self, kind: Kind) -> Option<Cow<'static, str>> {
        self.key.error_type(kind)
    }
}

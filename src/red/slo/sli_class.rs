//! Sorts completions by what they mean for an objective.

use super::{
    events::Events,
    slo::{Measure, Slo},
};
use crate::red::{Cause, Completion, Kind, Labels, Outcome, Snapshot};

/// The meaning of a completion for an objective, before it is decided whether
/// the objective measures availability or latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SliClass {
    /// It was answered, which is good unless it was too slow.
    Answered,
    /// It failed.
    Failed,
    /// A deadline ended it: it failed and was slow.
    Late,
    /// It does not count, because the service is not to blame.
    Excluded,
}

impl Slo {
    /// Returns how many requests were good of how many that count, in a
    /// snapshot of this process or of a fleet. `None` if its histograms have no
    /// bound at the threshold of a latency.
    ///
    /// ```
    /// use sluicegate::red::{Registry, Slo};
    ///
    /// let slo = Slo::availability(0.999);
    /// let events = slo.counts(&Registry::new().snapshot()).unwrap();
    /// assert_eq!((events.good, events.total), (0, 0));
    /// ```
    pub fn counts(&self, snapshot: &Snapshot) -> Option<Events> {
        let wanted = snapshot.series.iter().filter(|it| self.wants(&it.labels));
        wanted
            .map(|series| self.counts_of(&series.labels, &series.completions))
            .sum()
    }

    /// Does the same for the completions of one series.
    pub(super) fn counts_of(&self, labels: &Labels, completions: &[Completion]) -> Option<Events> {
        let counts = completions.iter().map(|it| self.events(labels.kind(), it));
        counts.sum()
    }

    /// Returns what one completion counts; `None` if the bound of the threshold
    /// is missing.
    fn events(&self, kind: Kind, completion: &Completion) -> Option<Events> {
        let class = self.class(kind, completion);
        let good = match self.measure {
            Measure::Availability => availability(class, completion),
            Measure::Latency(_) if completion.is_streamed() => None,
            Measure::Latency(threshold) => match class {
                SliClass::Answered => Some(completion.durations.at_most(threshold)?),
                SliClass::Late => Some(0),
                SliClass::Failed | SliClass::Excluded => None,
            },
        };
        let counted = good.map(|good| Events {
            good,
            total: completion.durations.count(),
        });
        Some(counted.unwrap_or_default())
    }

    /// Returns the class of a completion.
    fn class(&self, kind: Kind, completion: &Completion) -> SliClass {
        match (completion.outcome(), completion.cause()) {
            (Outcome::Ok, _) => SliClass::Answered,
            (Outcome::ClientError, _) if !kind.is_client() => SliClass::Answered,
            // The service would have had more time.
            (Outcome::Deadline, Cause::CallerTimeout) => SliClass::Excluded,
            (Outcome::Deadline, _) => SliClass::Late,
            (Outcome::Cancelled, _) => SliClass::Excluded,
            // The limit itself failed here, which is not the caller's doing.
            (Outcome::Shed, Cause::Unavailable) => SliClass::Failed,
            (Outcome::Shed, _) if !self.counts_shed => SliClass::Excluded,
            (Outcome::Shed | Outcome::ClientError, _) => SliClass::Failed,
            (Outcome::ServerError | Outcome::Panic, _) => SliClass::Failed,
        }
    }
}

/// Returns how many requests of this class are good; `None` if they do not
/// count.
fn availability(class: SliClass, completion: &Completion) -> Option<u64> {
    match class {
        SliClass::Answered => Some(completion.durations.count()),
        SliClass::Failed | SliClass::Late => Some(0),
        SliClass::Excluded => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::{
        histogram::Durations,
        red::{completion_key::CompletionKey, labels::LabelsRef, snapshot::Series, status::Status},
    };

    const MS: u64 = 1_000;

    /// A completion with counts up to 250 ms and above.
    fn completion(outcome: Outcome, cause: Cause, counts: [u64; 2]) -> Completion {
        let status = Some(Status::Http(200));
        let mut durations = Durations::none(&Arc::from([250 * MS]));
        durations.parts_mut().0.copy_from_slice(&counts);
        Completion {
            key: CompletionKey::new(status, outcome, cause, false),
            durations,
            exemplars: Vec::new(),
        }
    }

    fn series(kind: Kind, route: &str, completions: Vec<Completion>) -> Series {
        let labels = LabelsRef {
            kind,
            method: "GET",
            route,
            peer: "",
        };
        Series {
            labels: labels.to_labels(),
            started: 0,
            heads: Durations::none(&Arc::from([250 * MS])),
            completions,
        }
    }

    #[test]
    fn an_unknown_method_burns_no_budget() {
        let failed = || completion(Outcome::ServerError, Cause::Status, [7, 0]);
        let of = |route| Snapshot {
            series: vec![series(Kind::GrpcServer, route, vec![failed()])],
            ..Snapshot::default()
        };
        let total = |route| Slo::availability(0.999).counts(&of(route)).unwrap().total;
        assert_eq!((total(Labels::OTHER), total("pkg.Service/Get")), (0, 7));
    }

    /// One of each class, each with another count.
    fn each() -> Vec<Completion> {
        let status = Cause::Status;
        vec![
            completion(Outcome::Ok, status, [900, 1]),
            completion(Outcome::ClientError, status, [50, 2]),
            completion(Outcome::ServerError, status, [4, 0]),
            completion(Outcome::Panic, Cause::Panic, [8, 0]),
            completion(Outcome::Deadline, Cause::Timeout, [16, 0]),
            completion(Outcome::Deadline, Cause::CallerTimeout, [256, 0]),
            completion(Outcome::Shed, Cause::OverLimit, [32, 0]),
            completion(Outcome::Shed, Cause::Unavailable, [64, 0]),
            completion(Outcome::Cancelled, Cause::DroppedInBody, [128, 0]),
        ]
    }

    fn snapshot(kind: Kind) -> Snapshot {
        Snapshot {
            series: vec![series(kind, "/orders", each())],
            ..Snapshot::default()
        }
    }

    fn counted(slo: &Slo, kind: Kind) -> (u64, u64) {
        let events = slo.counts(&snapshot(kind)).unwrap();
        (events.bad(), events.total)
    }

    #[test]
    fn a_request_without_a_failure_is_available() {
        let slo = Slo::availability(0.999);
        let bad = 4 + 8 + 16 + 64;
        assert_eq!(counted(&slo, Kind::HttpServer), (bad, 953 + bad));
        let slo = slo.count_shed();
        assert_eq!(counted(&slo, Kind::HttpServer), (bad + 32, 953 + bad + 32));
    }

    #[test]
    fn a_fast_request_ends_within_the_threshold() {
        let slo = Slo::latency(0.99, Duration::from_millis(250));
        assert_eq!(counted(&slo, Kind::GrpcServer), (3 + 16, 953 + 16));
    }

    #[test]
    fn a_client_error_is_a_failure_of_the_client() {
        let kind = Kind::HttpClient;
        let slo = Slo::availability(0.999);
        assert_eq!(counted(&slo, kind), (0, 0));
        let (slo, bad) = (slo.kind(kind), 52 + 4 + 8 + 16 + 64);
        assert_eq!(counted(&slo, kind), (bad, 901 + bad));
        let slo = Slo::latency(0.99, Duration::from_millis(250)).kind(kind);
        assert_eq!(counted(&slo, kind), (1 + 16, 901 + 16));
    }

    #[test]
    fn streams_are_available_but_have_no_latency() {
        let mut snapshot = snapshot(Kind::HttpServer);
        for completion in &mut snapshot.series[0].completions {
            completion.key.streamed = true;
        }
        let total = |slo: Slo| slo.counts(&snapshot).unwrap().total;
        assert_eq!(total(Slo::availability(0.9)), 953 + 92);
        assert_eq!(total(Slo::latency(0.9, Duration::from_millis(250))), 0);
    }

    #[test]
    fn restrictions_add_up() {
        let of = |route| series(Kind::HttpServer, route, each());
        let series = vec![of("/orders"), of("/orders/{id}"), of("/health")];
        let snapshot = Snapshot {
            series,
            ..Snapshot::default()
        };
        let slo = || Slo::availability(0.999);
        let total = |slo: Slo| slo.counts(&snapshot).unwrap().total;
        let each = total(slo().route("/orders"));
        assert_eq!(total(slo()), 3 * each);
        let orders = slo().only(|labels| labels.route().starts_with("/orders"));
        assert_eq!(total(orders.clone()), 2 * each);
        assert_eq!(total(orders.route("/health")), 0);
    }

    #[test]
    fn counts_by_other_buckets_cannot_be_told() {
        let slo = Slo::latency(0.99, Duration::from_millis(300));
        assert_eq!(slo.counts(&snapshot(Kind::HttpServer)), None);
    }
}

use std::collections::BTreeMap;

use sluicegate::red::{Outcome, Registry, Snapshot};

/// What came of how many, without those of which there are none.
pub(super) fn outcomes(snapshot: &Snapshot) -> BTreeMap<&'static str, u64> {
    let counts = Outcome::ALL.map(|outcome| (outcome.as_str(), snapshot.count(outcome)));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Asserts the law for every series, and answers how many are in flight.
#[track_caller]
pub(super) fn in_flight(metrics: &Registry) -> u64 {
    let snapshot = metrics.snapshot();
    let by_outcome: u64 = Outcome::ALL.map(|it| snapshot.count(it)).iter().sum();
    assert_eq!(snapshot.ended(), by_outcome);
    for series in &snapshot.series {
        assert!(series.started >= series.ended(), "{series:?}");
    }
    assert_eq!(snapshot.started(), by_outcome + snapshot.in_flight());
    snapshot.in_flight()
}

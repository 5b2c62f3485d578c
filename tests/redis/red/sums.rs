//! The sums of snapshots, bucket by bucket.

use std::collections::BTreeMap;

use sluicegate::red::{Durations, Snapshot};

/// The buckets of each histogram, and its sum in microseconds; none that are empty.
pub(super) type Sums = BTreeMap<String, Vec<u128>>;

/// Of all of these together.
pub(super) fn of<'a>(snapshots: impl IntoIterator<Item = &'a Snapshot>) -> Sums {
    let mut sums = Sums::new();
    for series in snapshots.into_iter().flat_map(|it| &it.series) {
        add(
            &mut sums,
            format!("{:?} heads", series.labels),
            &series.heads,
        );
        for ends in &series.completions {
            let (outcome, status, cause) = (ends.outcome(), ends.status(), ends.cause());
            let streamed = ends.is_streamed();
            let about = format!(
                "{:?} {outcome:?} {status:?} {cause:?} {streamed}",
                series.labels
            );
            add(&mut sums, about, &ends.durations);
        }
    }
    sums
}

fn add(sums: &mut Sums, about: String, durations: &Durations) {
    if durations.count() == 0 {
        return;
    }
    let counts = durations.buckets().map(|(_, count)| u128::from(count));
    let more = counts.chain([durations.sum().as_micros()]);
    let sum = sums.entry(about).or_default();
    sum.resize(durations.buckets().count() + 1, 0);
    sum.iter_mut()
        .zip(more)
        .for_each(|(sum, more)| *sum += more);
}

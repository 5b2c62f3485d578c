//! Times and memory of decisions in the process.

use std::time::Instant;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use super::{
    by_rule::by_rule,
    ours::Ours,
    peers::peer,
    subject::{KEYS, Subject, limit},
};
use crate::{compare::traffic::Scale, report::number::hundredths, results::InProcess};

/// The rounds until every bucket is as full as it gets: three periods.
const WARM_UP: u64 = 300;

/// The number of times, of which the median is taken, and the rounds of each.
fn rounds(scale: Scale) -> (usize, u64) {
    match scale {
        Scale::Full => (9, 100),
        Scale::Quick => (3, 10),
    }
}

/// Measures a rule or a peer; `None` if its clock cannot be set.
///
/// The memory is counted by the allocator of the program, which has to be
/// `stats_alloc`'s.
pub(super) fn in_process(id: &str, scale: Scale) -> Option<InProcess> {
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    let mut subject = by_rule(id, limit(), Ours).or_else(|| peer(id))?;
    let admitted: u64 = (0..WARM_UP).map(|_| subject.round()).sum();
    assert_eq!(
        admitted,
        WARM_UP * KEYS,
        "{id} refuses below the rate of its limit"
    );
    let memory = region.change();
    let bytes = memory.bytes_allocated as f64 - memory.bytes_deallocated as f64;
    let (times, rounds) = rounds(scale);
    let times = (0..times).map(|_| time(&mut *subject, rounds));
    Some(InProcess {
        ns_per_decision: hundredths(median(times)),
        bytes_per_key: hundredths(bytes / KEYS as f64),
    })
}

/// Returns the nanoseconds of a decision.
fn time(subject: &mut dyn Subject, rounds: u64) -> f64 {
    let begun = Instant::now();
    for _ in 0..rounds {
        subject.round();
    }
    begun.elapsed().as_secs_f64() * 1e9 / (rounds * KEYS) as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

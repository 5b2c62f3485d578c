//! The rules of this crate, in the order of the report, before the peers.

use super::{bounds, candidate::Candidate, ours, peers::PEERS};
use crate::results::Source;

/// Returns all candidates, the rules of this crate first.
pub fn candidates() -> impl Iterator<Item = &'static Candidate> {
    OURS.iter().chain(&PEERS)
}

const CRATE: &str = "sluicegate 0.1";

/// The header by which the layer of this crate answers a refused client.
const HEADER: &str = "Retry-After in whole seconds, rounded up";

static OURS: [Candidate; 6] = [
    Candidate {
        id: "token-bucket",
        title: "token bucket",
        library: CRATE,
        source: Source::Real,
        about: "A burst, then a steady rate.",
        retry: HEADER,
        bound: bounds::burst_and_rate,
        player: ours::token_bucket,
    },
    Candidate {
        id: "leaky-queue",
        title: "leaky bucket, queue",
        library: CRATE,
        source: Source::Real,
        about: "One request at a time, evenly spaced; the burst is the length of the queue.",
        retry: HEADER,
        bound: bounds::exact,
        player: ours::queue,
    },
    Candidate {
        id: "leaky-meter",
        title: "leaky bucket, meter",
        library: CRATE,
        source: Source::Real,
        about: "The token bucket under its other name.",
        retry: HEADER,
        bound: bounds::burst_and_rate,
        player: ours::meter,
    },
    Candidate {
        id: "sliding-window",
        title: "sliding window",
        library: CRATE,
        source: Source::Real,
        about: "About the amount in any window, by two counters; the burst is ignored.",
        retry: HEADER,
        bound: bounds::below_two_windows,
        player: ours::sliding_window,
    },
    Candidate {
        id: "sliding-log",
        title: "sliding log",
        library: CRATE,
        source: Source::Real,
        about: "The amount in any window, exactly; the burst is ignored.",
        retry: HEADER,
        bound: bounds::exact,
        player: ours::sliding_log,
    },
    Candidate {
        id: "fixed-window",
        title: "fixed window",
        library: CRATE,
        source: Source::Real,
        about: "The amount in each window, twice that around its turn; the burst is ignored.",
        retry: HEADER,
        bound: bounds::two_windows,
        player: ours::fixed_window,
    },
];

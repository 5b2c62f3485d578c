//! The peers, in the order of the report.

use super::{bounds, candidate::Candidate, governor, limitador, resilience};
use crate::results::Source;

const RESILIENCE: &str = "tower-resilience-ratelimiter 0.14";

/// The answer of `tower-resilience-ratelimiter` to a refused client.
const NO_TIME: &str = "no time; the lab's clients then wait for a second";

pub(super) static PEERS: [Candidate; 6] = [
    Candidate {
        id: "governor",
        title: "governor",
        library: "governor 0.10",
        source: Source::Real,
        about: "A burst, then a steady rate (GCRA in nanoseconds).",
        retry: "the exact time, to callers of the library",
        bound: bounds::burst_and_rate,
        player: governor::governor,
    },
    Candidate {
        id: "tower-governor",
        title: "tower_governor",
        library: "tower_governor 0.8",
        source: Source::Model,
        about: "governor behind a layer.",
        retry: "Retry-After in whole seconds, rounded down, often to 0",
        bound: bounds::burst_and_rate,
        player: governor::tower_governor,
    },
    Candidate {
        id: "resilience-fixed",
        title: "tower-resilience, fixed window",
        library: RESILIENCE,
        source: Source::Real,
        about: "The amount in each window, which begins with the first request after the last.",
        retry: NO_TIME,
        bound: bounds::two_windows,
        player: resilience::fixed,
    },
    Candidate {
        id: "resilience-log",
        title: "tower-resilience, sliding log",
        library: RESILIENCE,
        source: Source::Real,
        about: "The amount in any window, exactly.",
        retry: NO_TIME,
        bound: bounds::exact,
        player: resilience::log,
    },
    Candidate {
        id: "resilience-counter",
        title: "tower-resilience, sliding counter",
        library: RESILIENCE,
        source: Source::Real,
        about: "About the amount in any window, by two counters in floating point.",
        retry: NO_TIME,
        bound: bounds::two_rounded_windows,
        player: resilience::counter,
    },
    Candidate {
        id: "limitador",
        title: "limitador, fixed window",
        library: "limitador 0.14",
        source: Source::Model,
        about: "The amount in each window, which begins with the first request after the last.",
        retry: "the end of the window in whole seconds, rounded down",
        bound: bounds::two_windows,
        player: limitador::limitador,
    },
];

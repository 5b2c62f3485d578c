//! The families of limiters.

use super::families::{add_count, add_counts, count_family, label, labels};
use crate::{
    limit::RequestOutcome,
    red::{
        components::LimiterCounts,
        export::{family::Family, prometheus::exposition::Exposition},
    },
};

static DECISIONS: Family = count_family(
    "sluicegate.limit.decisions",
    "Decisions of layers about requests, by limiter and verdict.",
);

/// Adds the families of a limiter.
pub(super) fn add(into: &mut Exposition, counts: &LimiterCounts) {
    for outcome in RequestOutcome::ALL {
        let verdict = ("verdict", outcome.as_str());
        let labels = labels(("limiter", &counts.name), verdict);
        add_count(into, &DECISIONS, &labels, counts.decided.count(outcome));
    }
    let labels = label("limiter", &counts.name);
    add_counts! { into, &labels;
        "sluicegate.limit.forgotten": counts.decided.forgotten,
        "Buckets that a limiter forgot while they were in use, because its table was full.";
        "sluicegate.limit.fell_back": counts.decided.fell_back,
        "Checks that the store did not answer, so that the limiter's failure policy decided.";
    }
    #[cfg(feature = "redis")]
    if let Some(redis) = &counts.redis {
        add_counts! { into, &labels;
            "sluicegate.limit.redis.questions": redis.requests,
            "Questions that a limiter sent to Redis; divided by calls it is the coalescing factor.";
            "sluicegate.limit.redis.calls": redis.calls,
            "Calls of a limiter's script in Redis.";
            "sluicegate.limit.redis.recalled": redis.recalled,
            "Checks that a remembered denial answered, without asking Redis.";
            "sluicegate.limit.redis.leased": redis.leased,
            "Checks that a lease admitted, without asking Redis.";
            "sluicegate.limit.redis.overloaded": redis.overloaded,
            "Questions that found a limiter's queue to Redis full.";
            "sluicegate.limit.redis.unreadable": redis.unreadable,
            "Questions that failed because the state of the bucket in Redis could not be read.";
        }
    }
}

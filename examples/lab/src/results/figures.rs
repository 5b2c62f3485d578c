//! The outcome of one traffic under one rule.

use serde::{Deserialize, Serialize};

/// The outcome of one traffic under one rule and quota.
///
/// A *request* is what a client wants; an *attempt* is one time that it asks.
/// Clients that do not retry make one attempt for each request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The attempts in each bin, at the instants at which clients asked.
    pub arrivals: Vec<u32>,
    /// The requests that passed in each bin, at the instants at which they passed:
    /// a queue delays them. Those that passed after the end are in no bin.
    pub admissions: Vec<u32>,
    /// The number of requests.
    pub requests: u64,
    /// The number of attempts.
    pub attempts: u64,
    /// The number of requests that passed.
    pub admitted: u64,
    /// The number of attempts that were refused.
    pub refused: u64,
    /// The most requests of one bucket that passed in any window of the period.
    pub most_in_period: u64,
    /// The most that the rule promises to let pass in any window of the period.
    pub bound: u64,
    /// How long requests that passed had waited; `None` if none passed.
    pub waits: Option<Waits>,
    /// How uneven the output of the busiest bucket is: the standard deviation of
    /// the gaps between its requests, divided by their mean. 0 is a steady beat, 1
    /// is random, more is bursts. `None` with fewer than two gaps.
    pub gap_variation: Option<f64>,
    /// Jain's index of fairness over the clients: 1 if each got the same share of
    /// what the limit entitles it to, 1/n if one of n got everything.
    pub fairness: f64,
}

/// Quantiles of the time from the first attempt until the request passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// Half of the requests waited at most so long.
    pub p50_us: u64,
    /// 99 of 100 requests waited at most so long.
    pub p99_us: u64,
    /// The longest wait.
    pub max_us: u64,
}

//! The contents of `recommend.json`.

use serde::Serialize;
use sluicegate::clock::Tick;

use super::{
    allowed::Allowed,
    search::{Found, Search, best},
    trace::Trace,
};
use crate::replay::InputTally;

/// The contents of `recommend.json`. The same traffic and flags give the same
/// bytes.
#[derive(Clone, Debug, Serialize)]
pub struct RecommendResults {
    /// The version of this format.
    pub schema: u32,
    /// The flag `--key`.
    pub key: String,
    /// Requests of the traffic.
    pub requests: u64,
    /// Keys that sent them.
    pub keys: u64,
    /// The first request, in microseconds since 1970.
    pub first_us: Tick,
    /// The last request.
    pub last_us: Tick,
    /// How many keys may be refused.
    pub allowed_keys: Option<u64>,
    /// How many requests may be refused.
    pub allowed_requests: Option<u64>,
    /// The period of all quotas.
    pub period_us: Tick,
    /// The largest amount that was tried.
    pub largest_amount: u64,
    /// The smallest quota for each rule and burst.
    pub pairs: Vec<Pair>,
    /// Counts of lines, and of those that cannot be read.
    pub(crate) input: InputTally,
}

/// The smallest quota for a rule and a burst.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The rule, such as `token-bucket`.
    pub rule: &'static str,
    /// The burst; `None` for a window, which has none.
    pub burst: Option<u64>,
    /// The quota, such as `100/1m burst 200`; `None` if all that were tried
    /// refuse more.
    pub quota: Option<String>,
    /// Quota times period plus burst.
    pub sum: Option<u64>,
    /// Requests that it refuses.
    pub refused: u64,
    /// Keys with a refused request.
    pub refused_keys: u64,
    /// Whether no other pair of this rule has a smaller sum.
    pub best: bool,
}

impl RecommendResults {
    pub(super) fn new(
        key: String,
        trace: &Trace,
        search: &Search,
        found: &[Found],
        input: InputTally,
    ) -> Self {
        let best = best(found);
        let pairs = found
            .iter()
            .enumerate()
            .map(|(place, found)| Pair::new(found, best.contains(&place)));
        let Allowed { keys, requests } = search.allowed;
        Self {
            schema: 1,
            key,
            requests: trace.requests(),
            keys: trace.keys(),
            first_us: trace.first_us,
            last_us: trace.last_us,
            allowed_keys: keys,
            allowed_requests: requests,
            period_us: search.period.as_micros() as Tick,
            largest_amount: search.amounts.last().copied().unwrap_or(0),
            pairs: pairs.collect(),
            input,
        }
    }
}

impl Pair {
    fn new(found: &Found, best: bool) -> Self {
        let (quota, refused) = found.smallest.unzip();
        let refused = refused.unwrap_or_default();
        Self {
            rule: found.rule.name(),
            burst: found.burst,
            quota: quota.map(|quota| quota.to_string()),
            sum: quota.map(|quota| quota.amount() + found.burst.unwrap_or(0)),
            refused: refused.requests,
            refused_keys: refused.keys,
            best,
        }
    }
}

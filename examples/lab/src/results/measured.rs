//! `measured.json`: what depends on the machine.

use serde::{Deserialize, Serialize};

/// `measured.json`: what decisions cost on the machine that ran the command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The version of this format, [`Measured::SCHEMA`].
    pub schema: u32,
    /// The command that measured.
    pub command: String,
    /// The costs, for each of [`Results::rules`](super::Results::rules) that can
    /// be measured.
    pub rules: Vec<RuleCosts>,
    /// The decisions of scripts compared with those of their rules; `None`
    /// without a Redis server.
    pub agreement: Option<Agreement>,
}

/// The costs of decisions under one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleCosts {
    /// The [`id`](super::Rule::id) of the rule.
    pub rule: String,
    /// In this process.
    pub in_process: InProcess,
    /// In Redis; `None` without a server, and for peers.
    pub in_redis: Option<InRedis>,
}

/// The costs of decisions in the process: 1,000 keys in turn, each at 98 % of the
/// rate of the limit, so that all pass; without the time that reading a clock takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InProcess {
    /// Nanoseconds for a decision.
    pub ns_per_decision: f64,
    /// Bytes of memory for a key whose bucket is full.
    pub bytes_per_key: f64,
}

/// The costs of decisions in Redis: with one caller for the times, with 64 for commands
/// and CPU.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InRedis {
    /// Half of the decisions took at most so many microseconds.
    pub p50_us: f64,
    /// 99 of 100 decisions took at most so many microseconds.
    pub p99_us: f64,
    /// Commands that the server ran for a decision; below 1, because concurrent
    /// checks share a call.
    pub commands_per_decision: f64,
    /// Microseconds of CPU of the server for a decision.
    pub cpu_us_per_decision: f64,
    /// Bytes of memory of the server for a key.
    pub bytes_per_key: f64,
}

/// How often a script decided as its rule did, at the same instants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The number of decisions.
    pub decisions: u64,
    /// The number of decisions that differed.
    pub different: u64,
}

impl Measured {
    /// The version of the format that this crate writes and reads.
    pub const SCHEMA: u32 = 1;
}

//! The admissions, as the server has recorded them.

use std::{collections::BTreeMap, fs::File, io::BufReader};

use redis::{FromRedisValue, Parser};
use sluicegate::clock::Tick;

use crate::{scratch::Scratch, server::Server};

/// A server that writes down whatever it changes, and forgets nothing of it.
pub(super) struct Ledger {
    pub(super) server: Server,
    scratch: Scratch,
}

impl Ledger {
    pub(super) fn start() -> Self {
        let scratch = Scratch::new();
        let keep = ["--appendonly", "yes", "--appendfsync", "no"];
        let all = ["--auto-aof-rewrite-percentage", "0"];
        let server = Server::with(&[&["--dir", scratch.path()], &keep[..], &all].concat());
        Self { server, scratch }
    }

    /// Returns the states of a bucket that this command has written, in order.
    /// The bucket is named without the letter of its rule.
    pub(super) fn states(&self, command: &str, bucket: &str) -> Vec<Vec<u64>> {
        let path = format!(
            "{}/appendonlydir/appendonly.aof.1.incr.aof",
            self.scratch.path()
        );
        let mut file = BufReader::new(File::open(path).expect("the server has written it"));
        let mut parser = Parser::new();
        let mut states = Vec::new();
        // Until nothing is left, of which the parser keeps some.
        while let Ok(written) = parser.parse_value(&mut file) {
            let words = Vec::<String>::from_redis_value(written).expect("words");
            if let [name, key, state, ..] = &words[..]
                && name == command
                && key.starts_with(bucket)
            {
                states.push(state.split(' ').map_while(|it| it.parse().ok()).collect());
            }
        }
        states
    }
}

/// Tokens that a bucket has lost since all were taken, which is the first thing
/// that happened to it: no more than it has got back since.
pub(super) fn lost(states: &[Vec<u64>]) -> u64 {
    let [first, .., last] = states else {
        panic!("nothing happened: {states:?}")
    };
    let [at, ahead, token, tick, size] = last[..] else {
        panic!("not a bucket: {last:?}")
    };
    for state in states {
        assert!(state[1] <= size * token, "in debt: {state:?}");
    }
    assert_eq!(first[1], size * token, "not all were taken: {first:?}");
    (ahead + (at - first[0]) * tick) / token - size
}

/// Counts by window.
pub(super) fn windows(states: &[Vec<u64>]) -> BTreeMap<u64, u64> {
    // Counts only grow in a window, so the last one is what passed in it.
    states.iter().map(|state| (state[0], state[2])).collect()
}

/// Costs by instant.
pub(super) fn log(states: &[Vec<u64>]) -> BTreeMap<Tick, u64> {
    // An entry that grows is written anew.
    states.iter().map(|state| (state[0], state[1])).collect()
}

/// The most that a log has in any span that is shorter than `width`.
pub(super) fn busiest(log: &BTreeMap<Tick, u64>, width: Tick) -> u64 {
    let spans = log
        .keys()
        .map(|&last| (last + 1).saturating_sub(width)..=last);
    let sums = spans.map(|span| log.range(span).map(|(_, cost)| cost).sum());
    sums.max().unwrap_or(0)
}

//! The server's ledger: every lease that it granted, renewed or took back.

use std::collections::HashMap;

use redis::Commands;
use sluicegate::clock::Tick;

use crate::server::Server;

/// One line of the ledger, as `lua/permits_ledger.lua` writes it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) now: Tick,
    pub(crate) id: String,
    pub(crate) count: u64,
    pub(crate) ends: Tick,
    pub(crate) limit: u64,
}

/// Reads the ledger of a key.
pub(crate) fn ledger(server: &Server, key: &str) -> Vec<Line> {
    let lines: Vec<String> = server
        .client()
        .lrange(format!("{key}:ledger"), 0, -1)
        .unwrap();
    lines.iter().map(|line| read(line)).collect()
}

fn read(line: &str) -> Line {
    let parts: Vec<_> = line.split(' ').collect();
    let number = |nth: usize| parts[nth].parse().unwrap();
    Line {
        now: number(0),
        id: parts[1].into(),
        count: number(2),
        ends: number(3),
        limit: number(4),
    }
}

/// Returns the most permits that were out at one instant beyond the limit. It
/// adds them up anew, and so does not trust the sums of the script.
pub(crate) fn most_beyond(lines: &[Line]) -> u64 {
    let mut leases: HashMap<&str, (u64, Tick)> = HashMap::new();
    let mut beyond = 0;
    for line in lines {
        leases.insert(&line.id, (line.count, line.ends));
        leases.retain(|_, (_, ends)| line.now < *ends);
        let out: u64 = leases.values().map(|(count, _)| count).sum();
        beyond = beyond.max(out.saturating_sub(line.limit));
    }
    beyond
}

/// Returns the most permits that were out at one instant.
pub(crate) fn most_out(lines: &[Line]) -> u64 {
    let unlimited = lines.iter().cloned().map(|line| Line { limit: 0, ..line });
    let unlimited: Vec<_> = unlimited.collect();
    most_beyond(&unlimited)
}

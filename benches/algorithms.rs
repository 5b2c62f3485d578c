//! Measures the algorithms against each other, in this process and in Redis, and
//! prints one table.
//!
//! `cargo bench -p benches --bench algorithms` starts a `redis-server` of its own. In
//! process each rule admits every request, by the monotonic clock, in turns with the
//! other rules; the numbers are medians. Bytes and all that is measured in Redis are
//! what `lab compare --redis` writes into `measured.json`.
//!
//! The peers are the crates themselves, also those that the lab plays by a model.
//! `tower_governor` is governor behind a layer, which the bench `stack` measures.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod workload;

#[path = "../tests/redis/server.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod server;

use std::alloc::System;

use lab::{
    compare::{measure, traffic::Scale},
    results::{InRedis, Measured, RuleCosts},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use server::Server;
use workload::{
    keys::Order,
    peers,
    rules::{self, name},
    side::Side,
    windows,
};

/// Counts the bytes of a key. No limiter here allocates in a decision.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The number of turns of each side.
const TURNS: usize = 9;

/// The decisions of one turn.
const DECISIONS: usize = 200_000;

/// One line: a rule or a peer.
struct Row {
    id: &'static str,
    direct: Side,
    /// `None` for a peer that has no keys.
    keyed: Option<Side>,
}

fn main() {
    let server = Server::start();
    let url = server.url();
    let measured = measure(1, Scale::Full, Some(url.as_str())).expect("the server runs");
    let rows = rows();
    let direct = in_turn(&rows, |row| Some(&row.direct));
    let keyed = in_turn(&rows, |row| row.keyed.as_ref());
    println!(
        "| rule | one bucket | 1,000 keys | bytes a key | Redis, p50 | p99 | commands | CPU | bytes a key |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for ((row, direct), keyed) in rows.iter().zip(direct).zip(keyed) {
        let costs = costs(&measured, row.id);
        let bytes = costs.map(|costs| format!("{:.0}", costs.in_process.bytes_per_key));
        let in_redis = costs.and_then(|costs| costs.in_redis.as_ref().map(in_redis));
        println!(
            "| {} | {} | {} | {} | {} |",
            name(row.id),
            nanoseconds(direct),
            nanoseconds(keyed),
            bytes.unwrap_or_default(),
            in_redis.unwrap_or_else(|| "| | | |".into()),
        );
    }
}

/// Returns the rules and the peers.
fn rows() -> Vec<Row> {
    let order = Order::zipf(1_000);
    let ours = rules::all().into_iter().map(|rule| Row {
        id: rule.id,
        direct: (rule.direct)(),
        keyed: Some((rule.by_number)(&order)),
    });
    let windows = windows::resilience().map(|(id, direct)| Row {
        id,
        direct,
        keyed: None,
    });
    let governor = Row {
        id: "governor",
        direct: peers::governor(),
        keyed: Some(peers::governor_by_number(&order)),
    };
    let limitador = Row {
        id: "limitador",
        direct: windows::limitador(),
        keyed: Some(windows::limitador_by_number(&order)),
    };
    let peers = [governor].into_iter().chain(windows).chain([limitador]);
    ours.chain(peers).collect()
}

/// Returns the nanoseconds of a decision, for each row; `None` without that side.
fn in_turn(rows: &[Row], side: fn(&Row) -> Option<&Side>) -> Vec<Option<f64>> {
    let mut times = vec![Vec::new(); rows.len()];
    for turn in 0..=TURNS {
        for (row, times) in rows.iter().zip(&mut times) {
            let time = side(row).map(|side| side.time(1, turn * DECISIONS, DECISIONS));
            times.extend(time.map(|time| time.as_secs_f64() * 1e9 / DECISIONS as f64));
        }
    }
    times.into_iter().map(median).collect()
}

/// Returns the median of all times but the first, which fills caches and buckets.
fn median(times: Vec<f64>) -> Option<f64> {
    let mut times = times.into_iter().skip(1).collect::<Vec<_>>();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

fn nanoseconds(time: Option<f64>) -> String {
    time.map_or_else(String::new, |time| format!("{time:.1} ns"))
}

/// Returns what the lab measured of a rule; `None` for a model.
fn costs<'a>(measured: &'a Measured, id: &str) -> Option<&'a RuleCosts> {
    let mut rules = measured.rules.iter();
    rules.find(|costs| costs.rule == id)
}

fn in_redis(costs: &InRedis) -> String {
    format!(
        "{:.0} us | {:.0} us | {} | {} us | {:.0}",
        costs.p50_us,
        costs.p99_us,
        costs.commands_per_decision,
        costs.cpu_us_per_decision,
        costs.bytes_per_key,
    )
}

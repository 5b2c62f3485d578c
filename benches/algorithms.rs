//! Measures the algorithms against each other, in this process and in Redis, and
//! prints one table.
//!
//! `cargo bench -p benches --bench algorithms` starts a `redis-server` of its own. In
//! process each rule admits every request, by the monotonic clock, in turns with the
//! other rules; the numbers are medians. Bytes and all that is measured in Redis are
//! what `lab compare --redis` writes into `measured.json`.

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
};

/// Counts the bytes of a key. No limiter here allocates in a decision.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The number of turns of each side.
const TURNS: usize = 9;

/// The decisions of one turn.
const DECISIONS: usize = 500_000;

/// One line: a rule or a peer.
struct Row {
    id: &'static str,
    direct: Side,
    keyed: Side,
}

fn main() {
    let server = Server::start();
    let url = server.url();
    let measured = measure(1, Scale::Full, Some(url.as_str())).expect("the server runs");
    let rows = rows();
    let direct = in_turn(&rows, |row| &row.direct);
    let keyed = in_turn(&rows, |row| &row.keyed);
    println!(
        "| rule | one bucket | 1,000 keys | bytes a key | Redis, p50 | p99 | commands | CPU | bytes a key |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for ((row, direct), keyed) in rows.iter().zip(direct).zip(keyed) {
        let costs = costs(&measured, row.id);
        println!(
            "| {} | {direct:.1} ns | {keyed:.1} ns | {:.0} | {} |",
            name(row.id),
            costs.in_process.bytes_per_key,
            costs.in_redis.as_ref().map_or("| | | |".into(), in_redis),
        );
    }
}

/// Returns the rules and the peer that has all of them in one table of buckets.
fn rows() -> Vec<Row> {
    let order = Order::zipf(1_000);
    let ours = rules::all().into_iter().map(|rule| Row {
        id: rule.id,
        direct: (rule.direct)(),
        keyed: (rule.by_number)(&order),
    });
    let governor = Row {
        id: "governor",
        direct: peers::governor(),
        keyed: peers::governor_by_number(&order),
    };
    ours.chain([governor]).collect()
}

/// Returns the nanoseconds of a decision, for each row.
fn in_turn(rows: &[Row], side: fn(&Row) -> &Side) -> Vec<f64> {
    let mut times = vec![Vec::new(); rows.len()];
    for turn in 0..=TURNS {
        for (row, times) in rows.iter().zip(&mut times) {
            let time = side(row).time(1, turn * DECISIONS, DECISIONS);
            times.push(time.as_secs_f64() * 1e9 / DECISIONS as f64);
        }
    }
    times.into_iter().map(median).collect()
}

/// Returns the median of all times but the first, which fills caches and buckets.
fn median(mut times: Vec<f64>) -> f64 {
    times.remove(0);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn costs<'a>(measured: &'a Measured, id: &str) -> &'a RuleCosts {
    let mut rules = measured.rules.iter();
    let costs = rules.find(|costs| costs.rule == id);
    costs.expect("the lab measures each rule")
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

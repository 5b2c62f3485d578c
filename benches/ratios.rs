//! How fast this crate is, as a ratio to its peers.
//!
//! `cargo bench --bench ratios` asks both sides of every comparison in turn and
//! prints a Markdown table; `cargo bench --bench ratios -- zipf` prints the
//! rows that have the word in them. For times, see the bench `local`.

#[allow(dead_code, reason = "every bench has use for another part of it")]
mod workload;

use std::time::Duration;

use sluicegate::clock::Monotonic;

use workload::{
    keys::Order,
    ours,
    pair::{Pair, Report},
    peers, rules,
};

fn main() {
    let report = Report::begin();
    direct(&report);
    few_keys(&report);
    many_keys(&report);
    denials(&report);
    every_rule(&report);
}

fn direct(report: &Report) {
    let promised = |what, target| Pair {
        target: Some(target),
        ..Pair::new(what, "governor")
    };
    report.row(promised("direct", 1.05), || {
        (ours::direct(Monotonic::new()), peers::governor())
    });
    report.row(promised("direct, coarse clock", 0.5), || {
        (ours::direct(ours::coarse()), peers::governor())
    });
    report.row(Pair::new("direct", "ratelimit"), || {
        (ours::direct(Monotonic::new()), peers::ratelimit())
    });
    report.row(Pair::new("direct", "leaky-bucket, no clock"), || {
        (ours::direct(Monotonic::new()), peers::leaky_bucket())
    });
}

fn few_keys(report: &Report) {
    let order = Order::zipf(1_000);
    let turn = Duration::from_millis(10);
    let (number, name) = ([0.65, 0.45], [0.55, 0.40]);
    keyed(report, "1,000 keys, zipf", &order, turn, [number, name]);
}

/// The turns are so long that a side's buckets are in the cache again, which
/// both sides' together overflow.
fn many_keys(report: &Report) {
    let turn = Duration::from_millis(200);
    let order = Order::zipf(1_000_000);
    let (number, name) = ([0.90, 0.50], [0.65, 0.40]);
    keyed(report, "1,000,000 keys, zipf", &order, turn, [number, name]);
    let order = Order::uniform(1_000_000);
    let (number, name) = ([0.60, 0.50], [0.45, 0.35]);
    keyed(
        report,
        "1,000,000 keys, uniform",
        &order,
        turn,
        [number, name],
    );
}

/// Targets are given for one thread and for two.
fn keyed(report: &Report, keys: &str, order: &Order, turn: Duration, targets: [[f64; 2]; 2]) {
    let [number, name] = targets;
    for threads in [1, 2] {
        let pair = |kind, target: [f64; 2]| {
            let what = format!("{keys}, {kind}, {threads} thread{}", &"s"[..threads - 1]);
            (what, Some(target[threads - 1]))
        };
        let (what, target) = pair("integer", number);
        let promised = Pair {
            threads,
            target,
            turn,
            ..Pair::new(&what, "governor")
        };
        report.row(promised, || {
            (ours::by_number(order), peers::governor_by_number(order))
        });
        let (what, target) = pair("&str", name);
        let promised = Pair {
            threads,
            target,
            turn,
            ..Pair::new(&what, "governor, String")
        };
        report.row(promised, || {
            (ours::by_name(order), peers::governor_by_name(order))
        });
    }
}

/// Threads that are denied write nothing that the others would have to read.
fn denials(report: &Report) {
    let order = Order::zipf(1_000);
    let what = ["1 thread", "2 threads"].map(|who| format!("denial, 1,000 keys, {who}"));
    for (threads, what, target) in [(1, &what[0], Some(0.8)), (2, &what[1], None)] {
        let pair = Pair {
            threads,
            target,
            ..Pair::new(what, "admission")
        };
        report.row(pair, || {
            (ours::dry_by_number(&order), ours::by_number(&order))
        });
    }
}

fn every_rule(report: &Report) {
    let order = Order::zipf(1_000);
    let [bucket, others @ ..] = rules::all();
    for rule in others {
        let what = format!("direct, {}", rule.name);
        report.row(Pair::new(&what, bucket.name), || {
            ((rule.direct)(), (bucket.direct)())
        });
        let what = format!("1,000 keys, {}", rule.name);
        report.row(Pair::new(&what, bucket.name), || {
            ((rule.by_number)(&order), (bucket.by_number)(&order))
        });
    }
}

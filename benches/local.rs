//! Measures the decisions of limiters in this process, and of their peers.
//!
//! Times are per decision, in each thread. `cargo bench -p benches --bench local --
//! zipf` runs the benches with this word in their names. The docs quote the bench
//! `ratios`, which runs both sides in turn.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod workload;

use std::cell::{Cell, LazyCell};

use criterion::{Criterion, criterion_group, criterion_main};
use sluicegate::clock::Monotonic;

use workload::{keys::Order, ours, peers, rules, side::Side};

fn direct(c: &mut Criterion) {
    measure(c, "direct/sluicegate", 1, || ours::direct(Monotonic::new()));
    measure(c, "direct/sluicegate, coarse clock", 1, || {
        ours::direct(ours::coarse())
    });
    measure(c, "direct/governor", 1, peers::governor);
    measure(c, "direct/ratelimit", 1, peers::ratelimit);
    measure(c, "direct/leaky-bucket", 1, peers::leaky_bucket);
}

fn keyed(c: &mut Criterion) {
    keys(c, "1,000 keys, zipf", &|| Order::zipf(1_000));
    keys(c, "1,000,000 keys, zipf", &|| Order::zipf(1_000_000));
    keys(c, "1,000,000 keys, uniform", &|| Order::uniform(1_000_000));
}

fn keys(c: &mut Criterion, name: &str, order: &dyn Fn() -> Order) {
    for threads in [1, 2] {
        let name = |who| format!("{name}, {threads} thread(s)/{who}");
        measure(c, &name("sluicegate, integer"), threads, || {
            ours::by_number(&order())
        });
        measure(c, &name("governor, integer"), threads, || {
            peers::governor_by_number(&order())
        });
        measure(c, &name("sluicegate, &str"), threads, || {
            ours::by_name(&order())
        });
        measure(c, &name("governor, String"), threads, || {
            peers::governor_by_name(&order())
        });
    }
}

fn denials(c: &mut Criterion) {
    measure(c, "denial, 1,000 keys, zipf/sluicegate, integer", 1, || {
        ours::dry_by_number(&Order::zipf(1_000))
    });
}

fn every_rule(c: &mut Criterion) {
    for rule in rules::all() {
        measure(c, &format!("rules, direct/{}", rule.name), 1, rule.direct);
        let keyed = || (rule.by_number)(&Order::zipf(1_000));
        measure(c, &format!("rules, 1,000 keys/{}", rule.name), 1, keyed);
    }
}

/// Measures a side. It is built only if criterion runs the bench.
fn measure(c: &mut Criterion, name: &str, threads: usize, side: impl FnOnce() -> Side) {
    let (side, from) = (LazyCell::new(side), Cell::new(0));
    c.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            let count = count as usize;
            side.time(threads, from.replace(from.get() + count), count)
        });
    });
}

criterion_group!(benches, direct, keyed, denials, every_rule);
criterion_main!(benches);

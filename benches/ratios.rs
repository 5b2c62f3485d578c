//! Measures how fast this crate is, as a ratio to its peers.
//!
//! `cargo bench -p benches --bench ratios` runs both sides of every comparison in turn
//! and prints a Markdown table; with `-- zipf` only the rows with this word. For
//! times, see the bench `local`.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod workload;

use std::time::Duration;

use sluicegate::{clock::Monotonic, refusal::Headers};

use workload::{
    keys::Order,
    ours,
    pair::{Pair, Report},
    peers, red, retry, rules,
    side::Side,
    stack::{self, Front},
};

fn main() {
    let report = Report::begin();
    direct(&report);
    few_keys(&report);
    many_keys(&report);
    spare_capacity(&report);
    denials(&report);
    every_rule(&report);
    layers(&report, Front::Prompt, [0.55, 0.5, 0.02]);
    layers(&report, Front::Axum, [0.8, 0.6, 0.02]);
    layers_beyond_nothing(&report);
    whole_stacks(&report);
    other_layers(&report);
    deadlines_kept(&report);
    deadlines_passed_on(&report);
    calls_kept(&report);
    requests_counted(&report);
}

/// Compares what metrics add to a request, up to the end of its body.
fn requests_counted(report: &Report) {
    // The peer spawns a background task.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let pair = |what, against| Pair {
        bare: Some(red::bare),
        ..Pair::new(what, against)
    };
    let counted = "axum router, counted";
    let peer = Pair {
        target: Some(0.35),
        ..pair(counted, "axum-prometheus")
    };
    report.row(peer, || (red::ours(), red::axum_prometheus()));
    let least = Pair {
        target: Some(1.5),
        ..pair(counted, "axum's from_fn that does nothing")
    };
    report.row(least, || (red::ours(), red::from_fn()));
    report.row(pair(counted, "a layer that does nothing"), || {
        (red::ours(), red::nothing())
    });
    // The same number of requests in each of two threads, and in one alone.
    let alone = Pair {
        target: Some(1.3),
        ..pair("axum router, counted, 2 threads", "1 thread")
    };
    report.row_of_threads(alone, red::ours);
}

/// Compares what a call takes longer if its deadline is passed on.
fn deadlines_passed_on(report: &Report) {
    let pair = |against| Pair {
        bare: Some(stack::bare_call),
        ..Pair::new("client with a deadline", against)
    };
    let tower = Pair {
        target: Some(2.0),
        ..pair("tower's timeout")
    };
    report.row(tower, || (stack::propagating(), stack::timing_out()));
    report.row(pair("a header by hand"), || {
        (stack::propagating(), stack::telling_by_hand())
    });
}

/// Compares what a call that succeeds takes longer because it could be sent again.
fn calls_kept(report: &Report) {
    let pair = Pair {
        bare: Some(retry::bare),
        ..Pair::new("a call that could be repeated", "tower's retry")
    };
    report.row(pair, || (retry::ours(), retry::tower()));
}

/// Compares what a limit layer adds to the service behind it.
fn layers(report: &Report, front: Front, targets: [f64; 3]) {
    let bare: fn() -> Side = match front {
        Front::Prompt => || stack::bare(Front::Prompt),
        Front::Axum => || stack::bare(Front::Axum),
    };
    let row = |kind: &str, target, sides: fn(Front) -> (Side, Side)| {
        let what = format!("layer before {front}, {kind}");
        let pair = Pair {
            target: Some(target),
            bare: Some(bare),
            ..Pair::new(&what, "tower_governor")
        };
        report.row(pair, || sides(front));
    };
    let [admitting, with_headers, refusing] = targets;
    row("admitting", admitting, |front| {
        (stack::ours(front, Headers::None), stack::governor(front))
    });
    row("admitting, with headers", with_headers, |front| {
        (
            stack::ours(front, Headers::Ietf),
            stack::governor_with_headers(front),
        )
    });
    row("refusing", refusing, |front| {
        (stack::ours_refusing(front), stack::governor_refusing(front))
    });
}

/// Compares what a limit layer adds to what axum adds for any layer: it boxes and clones
/// the service of each one.
fn layers_beyond_nothing(report: &Report) {
    let row = |kind: &str, target, sides: fn() -> (Side, Side)| {
        let what = format!("layer before an axum router, {kind}, beyond one that does nothing");
        let pair = Pair {
            target: Some(target),
            bare: Some(stack::nothing),
            ..Pair::new(&what, "tower_governor")
        };
        report.row(pair, sides);
    };
    row("admitting", 0.8, || {
        (
            stack::ours(Front::Axum, Headers::None),
            stack::governor(Front::Axum),
        )
    });
    row("admitting, with headers", 0.5, || {
        (
            stack::ours(Front::Axum, Headers::Ietf),
            stack::governor_with_headers(Front::Axum),
        )
    });
}

/// Compares all layers of a service together.
fn whole_stacks(report: &Report) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let pair = Pair {
        target: Some(0.35),
        bare: Some(|| stack::bare(Front::Axum)),
        ..Pair::new(
            "axum router: metrics, deadline, limit with headers",
            "axum-prometheus, tower-http's timeout, tower_governor",
        )
    };
    report.row(pair, || (stack::ours_whole(), stack::peers_whole()));
}

/// Compares layers with one budget and without keys.
fn other_layers(report: &Report) {
    let ours = || stack::ours_without_keys(Front::Prompt);
    let pair = |against| Pair {
        bare: Some(|| stack::bare(Front::Prompt)),
        ..Pair::new("layer without keys, admitting", against)
    };
    let promised = Pair {
        target: Some(0.8),
        ..pair("tower_governor")
    };
    report.row(promised, || {
        (ours(), stack::governor_without_keys(Front::Prompt))
    });
    report.row(pair("tower"), || (ours(), stack::tower()));
    report.row(pair("tower-resilience"), || (ours(), stack::resilience()));
}

/// Both services respond in time; both use the timers of the runtime.
fn deadlines_kept(report: &Report) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let pair = |against, target| Pair {
        target: Some(target),
        bare: Some(|| stack::bare(Front::Prompt)),
        ..Pair::new("deadline before a prompt service", against)
    };
    report.row(pair("tower-http's timeout", 1.2), || {
        (stack::deadline(), stack::tower_http())
    });
    let both = "tower-http's timeout and body deadline";
    report.row(pair(both, 0.8), || {
        (stack::deadline(), stack::tower_http_with_body())
    });
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
    let (number, name) = ([0.95, 0.65], [0.60, 0.60]);
    let order = Order::zipf(1_000);
    keyed(report, "1,000 keys, zipf", &order, [number, name]);
    keyed(
        report,
        "1,000 keys, uniform",
        &Order::uniform(1_000),
        [number, name],
    );
}

fn many_keys(report: &Report) {
    let (number, name) = ([0.70, 0.60], [0.60, 0.60]);
    let order = Order::zipf(1_000_000);
    keyed(report, "1,000,000 keys, zipf", &order, [number, name]);
    let (number, name) = ([0.85, 0.70], [0.60, 0.60]);
    let order = Order::uniform(1_000_000);
    keyed(report, "1,000,000 keys, uniform", &order, [number, name]);
}

/// The targets are for one thread and for two.
fn keyed(report: &Report, keys: &str, order: &Order, targets: [[f64; 2]; 2]) {
    let ([number, name], churned) = (targets, [1.0, 0.65]);
    for threads in [1, 2] {
        let promised = |pair, target: [f64; 2]| Pair {
            target: Some(target[threads - 1]),
            ..paced(pair, order.keys, threads)
        };
        let who = ["1 thread", "2 threads"][threads - 1];
        let what = format!("{keys}, integer, {who}");
        report.row(promised(Pair::new(&what, "governor"), number), || {
            (ours::by_number(order), peers::governor_by_number(order))
        });
        let what = format!("{keys}, integer, full again, {who}");
        let pair = paced(Pair::new(&what, "governor"), order.keys, threads);
        report.row(pair, || {
            (
                ours::full_by_number(order),
                peers::governor_full_by_number(order),
            )
        });
        let what = format!("{keys}, integer, churned, {who}");
        if order.keys <= 1_000 {
            let pair = promised(Pair::new(&what, "governor"), churned);
            report.row(pair, || {
                (
                    ours::churned_by_number(order),
                    peers::governor_churned_by_number(order),
                )
            });
        }
        let what = format!("{keys}, &str, {who}");
        report.row(promised(Pair::new(&what, "governor, String"), name), || {
            (ours::by_name(order), peers::governor_by_name(order))
        });
    }
}

/// Many buckets do not fit into the cache, so a turn is long enough for the buckets
/// of one side to be loaded again.
fn paced(pair: Pair<'_>, keys: usize, threads: usize) -> Pair<'_> {
    let pair = Pair { threads, ..pair };
    match (keys, threads) {
        (100_000.., _) => pair.long(Duration::from_millis(200)),
        (_, 2..) => pair.long(Duration::from_millis(10)),
        _ => pair,
    }
}

/// A table that is four times as large as its keys need.
fn spare_capacity(report: &Report) {
    for keys in [1_000, 1_000_000] {
        let order = Order::zipf(keys);
        let what = format!("{keys} keys, zipf, capacity of {}", 4 * keys);
        let pair = Pair {
            target: Some(1.1),
            ..Pair::new(&what, "capacity of as many")
        };
        report.row(paced(pair, keys, 1), || {
            (
                ours::by_number_within(&order, 4 * keys),
                ours::by_number_within(&order, keys),
            )
        });
    }
}

/// A denial writes nothing, so threads do not wait for each other.
fn denials(report: &Report) {
    let order = Order::zipf(1_000);
    for (threads, who, target) in [(1, "1 thread", Some(0.8)), (2, "2 threads", None)] {
        let what = format!("denial, 1,000 keys, {who}");
        let pair = Pair {
            target,
            ..Pair::new(&what, "admission")
        };
        report.row(paced(pair, order.keys, threads), || {
            (ours::dry_by_number(&order), ours::by_number(&order))
        });
    }
}

fn every_rule(report: &Report) {
    let order = Order::zipf(1_000);
    let [bucket, others @ ..] = rules::all();
    for rule in others {
        let promised = |pair| Pair {
            target: (rule.name == "sliding window").then_some(1.4),
            ..pair
        };
        let what = format!("direct, {}", rule.name);
        report.row(promised(Pair::new(&what, bucket.name)), || {
            ((rule.direct)(), (bucket.direct)())
        });
        let what = format!("1,000 keys, {}", rule.name);
        report.row(promised(Pair::new(&what, bucket.name)), || {
            ((rule.by_number)(&order), (bucket.by_number)(&order))
        });
    }
}

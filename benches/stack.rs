//! Measures a service behind a layer of this crate, and of its peers.
//!
//! Times are per request, including the service and the construction of the request;
//! `bare` is the time without a layer. The bench `ratios` shows what a layer adds.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod workload;

use criterion::{Criterion, criterion_group, criterion_main};
use sluicegate::refusal::Headers;

use workload::{
    side::Side,
    stack::{self, Front},
};

fn prompt(c: &mut Criterion) {
    layers(c, "prompt", Front::Prompt);
    measure(c, "prompt/tower, no keys", stack::tower);
    measure(c, "prompt/tower-resilience, no keys", stack::resilience);
}

fn axum(c: &mut Criterion) {
    layers(c, "axum", Front::Axum);
}

fn layers(c: &mut Criterion, name: &str, front: Front) {
    let name = |who| format!("{name}/{who}");
    measure(c, &name("bare"), || stack::bare(front));
    measure(c, &name("sluicegate"), || stack::ours(front, Headers::None));
    measure(c, &name("sluicegate, headers"), || {
        stack::ours(front, Headers::Ietf)
    });
    measure(c, &name("sluicegate, refusing"), || {
        stack::ours_refusing(front)
    });
    measure(c, &name("tower_governor"), || stack::governor(front));
    measure(c, &name("tower_governor, headers"), || {
        stack::governor_with_headers(front)
    });
    measure(c, &name("tower_governor, refusing"), || {
        stack::governor_refusing(front)
    });
}

fn measure(c: &mut Criterion, name: &str, side: impl FnOnce() -> Side) {
    let side = side();
    let time = |count: u64| side.time(1, 0, usize::try_from(count).expect("a count of requests"));
    c.bench_function(name, |bencher| bencher.iter_custom(time));
}

criterion_group!(benches, prompt, axum);
criterion_main!(benches);

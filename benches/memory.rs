//! Measures the memory of a limiter: bytes for each key of its capacity, before and
//! after ten times as many keys.
//!
//! It is a process of its own, because an allocator that counts would slow down the
//! peers that allocate in the bench `ratios`.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod workload;

use std::alloc::System;

use sluicegate::limit::{Local, TokenBucket};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

use workload::{keys::scramble, ours};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CAPACITY: usize = 1_000_000;

fn main() {
    // The clock calibrates itself once in a process.
    drop(limiter());
    let region = Region::new(ALLOCATOR);
    let limiter = limiter();
    let made = region.change();
    for key in 0..10 * CAPACITY as u64 {
        assert!(limiter.check(&scramble(key), 1).is_admitted());
    }
    let asked = region.change();
    let grown = bytes(&asked) / bytes(&made);
    let allocated = asked.allocations - made.allocations;
    println!("| memory of a limiter with room for 1,000,000 keys | | target |");
    println!("|---|---|---|");
    println!(
        "| bytes for each key | {:.1} | 24 |",
        bytes(&made) / CAPACITY as f64
    );
    println!("| after 10,000,000 keys, to before | {grown:.3} | 1 |");
    println!("| allocations of 10,000,000 decisions | {allocated} | 0 |");
}

fn limiter() -> Local<TokenBucket> {
    Local::builder(TokenBucket::new(ours::deep()))
        .capacity(CAPACITY)
        .keyed()
}

fn bytes(stats: &Stats) -> f64 {
    (stats.bytes_allocated - stats.bytes_deallocated) as f64
}

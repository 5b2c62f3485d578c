//! `governor` by its fake clock, and `tower_governor`, which is the same limiter
//! with a `Retry-After` header.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota as GovernorQuota, RateLimiter,
    clock::{Clock, FakeRelativeClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use sluicegate::{clock::Tick, limit::Quota};

use super::player::{Answer, Player, SECOND};

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

/// A limiter for each bucket, and what clients are told.
struct Governor {
    clock: FakeRelativeClock,
    now: Tick,
    limiters: Vec<Limiter>,
    told: fn(Duration) -> Tick,
}

impl Player for Governor {
    fn ask(&mut self, bucket: usize, now: Tick) -> Answer {
        self.clock.advance(Duration::from_micros(now - self.now));
        self.now = now;
        match self.limiters[bucket].check() {
            Ok(()) => Answer::Pass { wait: 0 },
            Err(refusal) => Answer::Refuse {
                retry: Some((self.told)(refusal.wait_time_from(self.clock.now()))),
            },
        }
    }
}

/// `governor` with the same burst and rate.
pub(super) fn governor(quota: Quota, buckets: usize) -> Box<dyn Player> {
    // Callers of the library get the exact time.
    player(quota, buckets, |wait| {
        wait.as_nanos().div_ceil(1_000) as Tick
    })
}

/// `tower_governor`, which rounds the time down to whole seconds: mostly to 0.
pub(super) fn tower_governor(quota: Quota, buckets: usize) -> Box<dyn Player> {
    player(quota, buckets, |wait| wait.as_secs() * SECOND)
}

fn player(quota: Quota, buckets: usize, told: fn(Duration) -> Tick) -> Box<dyn Player> {
    let clock = FakeRelativeClock::default();
    let limiter = |_| RateLimiter::direct_with_clock(same(&quota), clock.clone());
    let limiters = (0..buckets).map(limiter).collect();
    Box::new(Governor {
        clock,
        now: 0,
        limiters,
        told,
    })
}

/// Returns the quota in the terms of governor, whose rates are whole nanoseconds.
pub(in super::super) fn same(quota: &Quota) -> GovernorQuota {
    let token = quota.period().as_nanos() / u128::from(quota.amount());
    let token = Duration::from_nanos(token as u64);
    let burst = u32::try_from(quota.burst_size())
        .ok()
        .and_then(NonZeroU32::new);
    GovernorQuota::with_period(token)
        .expect("a token takes a nanosecond or more")
        .allow_burst(burst.expect("the grid has bursts from 1 to 2^32"))
}

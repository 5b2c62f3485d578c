//! `tower-resilience-ratelimiter` by tokio's paused clock: its fixed window, its
//! sliding log and its sliding counter. Its refusals name no time.

use std::{convert::Infallible, future::Ready, future::ready, time::Duration};

use sluicegate::{clock::Tick, limit::Quota};
use tokio::{
    runtime::{Builder, Runtime},
    time::advance,
};
use tower::{
    Layer, Service,
    util::{ServiceFn, service_fn},
};
use tower_resilience_ratelimiter::{RateLimiter, RateLimiterLayer, WindowType};

use super::player::{Answer, Player};

/// A service that does nothing, behind a limit.
pub(in super::super) type Limited = RateLimiter<ServiceFn<fn(()) -> Ready<Result<(), Infallible>>>>;

/// A service for each bucket, and the runtime with their clock.
struct Resilience {
    runtime: Runtime,
    now: Tick,
    services: Vec<Limited>,
}

impl Player for Resilience {
    fn ask(&mut self, bucket: usize, now: Tick) -> Answer {
        let passed = Duration::from_micros(now - self.now);
        self.now = now;
        let service = &mut self.services[bucket];
        let answer = self.runtime.block_on(async {
            // Even a step of 0 would give way to other tasks.
            if !passed.is_zero() {
                advance(passed).await;
            }
            service.call(()).await
        });
        match answer {
            Ok(()) => Answer::Pass { wait: 0 },
            Err(_) => Answer::Refuse { retry: None },
        }
    }
}

pub(super) fn fixed(quota: Quota, buckets: usize) -> Box<dyn Player> {
    player(&quota, buckets, WindowType::Fixed)
}

pub(super) fn log(quota: Quota, buckets: usize) -> Box<dyn Player> {
    player(&quota, buckets, WindowType::SlidingLog)
}

pub(super) fn counter(quota: Quota, buckets: usize) -> Box<dyn Player> {
    player(&quota, buckets, WindowType::SlidingCounter)
}

fn player(quota: &Quota, buckets: usize, window: WindowType) -> Box<dyn Player> {
    let paused = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = paused.expect("a runtime without I/O needs nothing of the system");
    // The windows begin when the service is made.
    let services =
        runtime.block_on(async { (0..buckets).map(|_| limited(quota, window)).collect() });
    Box::new(Resilience {
        runtime,
        now: 0,
        services,
    })
}

/// Returns a service with this limit, which refuses at once.
pub(in super::super) fn limited(quota: &Quota, window: WindowType) -> Limited {
    let amount = usize::try_from(quota.amount()).expect("the grid has small amounts");
    let layer = RateLimiterLayer::builder()
        .limit_for_period(amount)
        .refresh_period(quota.period())
        .timeout_duration(Duration::ZERO)
        .window_type(window)
        .build();
    let layer: RateLimiterLayer = layer.expect("the limit is valid");
    let nothing: fn(()) -> Ready<Result<(), Infallible>> = |()| ready(Ok(()));
    layer.layer(service_fn(nothing))
}

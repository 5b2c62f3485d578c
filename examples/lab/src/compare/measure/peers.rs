//! The peers whose clock can be set. `tower-resilience-ratelimiter` has one bucket
//! in a service, so each key gets a service.

use governor::{
    RateLimiter, clock::FakeRelativeClock, middleware::NoOpMiddleware, nanos::Nanos,
    state::keyed::DashMapStateStore,
};
use tokio::{
    runtime::{Builder, Runtime},
    time::advance,
};
use tower::Service;
use tower_resilience_ratelimiter::WindowType;

use super::subject::{KEYS, Subject, interval, limit};
use crate::compare::candidates::{Limited, governor_quota, limited};

/// Returns the subject of a peer.
pub(super) fn peer(id: &str) -> Option<Box<dyn Subject>> {
    Some(match id {
        "governor" => Box::new(Governor::new()),
        "resilience-fixed" => Box::new(Resilience::new(WindowType::Fixed)),
        "resilience-log" => Box::new(Resilience::new(WindowType::SlidingLog)),
        "resilience-counter" => Box::new(Resilience::new(WindowType::SlidingCounter)),
        _ => return None,
    })
}

type Keyed = RateLimiter<u64, DashMapStateStore<u64>, FakeRelativeClock, NoOpMiddleware<Nanos>>;

struct Governor {
    limiter: Keyed,
    clock: FakeRelativeClock,
}

impl Governor {
    fn new() -> Self {
        let clock = FakeRelativeClock::default();
        Self {
            limiter: RateLimiter::dashmap_with_clock(governor_quota(&limit()), clock.clone()),
            clock,
        }
    }
}

impl Subject for Governor {
    fn round(&mut self) -> u64 {
        self.clock.advance(interval());
        let admitted = (0..KEYS).filter(|key| self.limiter.check_key(key).is_ok());
        admitted.count() as u64
    }
}

struct Resilience {
    runtime: Runtime,
    services: Vec<Limited>,
}

impl Resilience {
    fn new(window: WindowType) -> Self {
        let paused = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let runtime = paused.expect("a runtime without I/O needs nothing of the system");
        let services = (0..KEYS).map(|_| limited(&limit(), window));
        Self {
            services: runtime.block_on(async { services.collect() }),
            runtime,
        }
    }
}

impl Subject for Resilience {
    fn round(&mut self) -> u64 {
        let services = &mut self.services;
        self.runtime.block_on(async {
            advance(interval()).await;
            let mut admitted = 0;
            for service in services {
                admitted += u64::from(service.call(()).await.is_ok());
            }
            admitted
        })
    }
}

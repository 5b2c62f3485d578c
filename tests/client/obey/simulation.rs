//! Clients and a server with a limit of this crate, in virtual time.

use std::{
    convert::Infallible,
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use sluicegate::{
    client::{advice::retry_after, obey::ObeyLayer},
    clock::{Manual, Tokio},
    limit::{Direct, Limiter, Local, RateLimitLayer, Rule},
};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

/// The clients of a simulation, and how long it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Processes, each with a layer of its own.
    pub(super) layers: u64,
    /// Callers of each layer, which call without a pause.
    pub(super) callers: u64,
    pub(super) duration: Duration,
    /// The time between two calls of the client that asks all the time.
    pub(super) step: Duration,
    /// The time to the server and back, at least and at most.
    pub(super) latency: (Duration, Duration),
}

/// What happened.
#[derive(Debug)]
#[expect(dead_code, reason = "shown when a claim fails")]
pub(super) struct Outcome {
    pub(super) admitted: u64,
    pub(super) refused: u64,
    /// Calls that the layers refused.
    pub(super) refused_locally: u64,
    /// What the rule admits to a client that asks all the time.
    pub(super) quota: u64,
    pub(super) longest: Duration,
}

impl Outcome {
    pub(super) fn used(&self) -> f64 {
        self.admitted as f64 / self.quota as f64
    }

    pub(super) fn refused_share(&self) -> f64 {
        self.refused as f64 / (self.admitted + self.refused) as f64
    }
}

/// A number that looks random, and is the same in each run.
fn dice(state: &AtomicU64) -> u64 {
    let mut x = state.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

pub(super) async fn run<R>(rule: R, plan: Plan, layer: fn() -> ObeyLayer) -> Outcome
where
    R: Rule + Clone + Debug + Send + Sync + 'static,
    Local<R, Direct, Tokio>: Limiter<()> + Clone + Send + Sync + 'static,
{
    let counts = Arc::new(Counts::default());
    let limiter = Local::builder(rule.clone()).clock(Tokio::new()).direct();
    let limit = RateLimitLayer::new(limiter);
    let service = limit.layer(service_fn(|_: Request<String>| async {
        Ok::<_, Infallible>(Response::new(String::new()))
    }));
    let seed = Arc::new(AtomicU64::new(7));
    let (least, most) = plan.latency;
    let spread = (most - least).as_micros() as u64 + 1;
    let counted = counts.clone();
    let server = service_fn(move |request: Request<String>| {
        let (service, seed, counts) = (service.clone(), seed.clone(), counted.clone());
        let trip = move || least / 2 + Duration::from_micros(dice(&seed) % spread) / 2;
        async move {
            sleep(trip()).await;
            let mut response = service.oneshot(request).await?;
            counts.count(response.status());
            // They do not cross a network.
            response.extensions_mut().clear();
            sleep(trip()).await;
            Ok::<_, Infallible>(response)
        }
    });
    let end = Instant::now() + plan.duration;
    let (locally, longest) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let local = tokio::task::LocalSet::new();
    let mut callers = Vec::new();
    for layer_number in 0..plan.layers {
        let seed = Arc::new(AtomicU64::new(layer_number));
        let client = layer().random(move || dice(&seed)).layer(server.clone());
        for _ in 0..plan.callers {
            let (mut client, locally, longest) = (client.clone(), locally.clone(), longest.clone());
            callers.push(local.spawn_local(async move {
                while Instant::now() < end {
                    let begun = Instant::now();
                    let response = client
                        .ready()
                        .await
                        .unwrap()
                        .call(Request::new(String::new()));
                    let response = response.await.unwrap();
                    longest.fetch_max(begun.elapsed().as_micros() as u64, Relaxed);
                    if response.body().get_ref().is_none() {
                        locally.fetch_add(1, Relaxed);
                        sleep(retry_after(response.headers()).unwrap_or_default()).await;
                    }
                }
            }));
        }
    }
    local.run_until(tokio::time::sleep_until(end)).await;
    callers.iter().for_each(|it| it.abort());
    Outcome {
        admitted: counts.admitted.load(Relaxed),
        refused: counts.refused.load(Relaxed),
        refused_locally: locally.load(Relaxed),
        quota: quota(rule, plan),
        longest: Duration::from_micros(longest.load(Relaxed)),
    }
}

/// What the server has answered.
#[derive(Default)]
struct Counts {
    admitted: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    fn count(&self, status: StatusCode) {
        let counter = match status.is_success() {
            true => &self.admitted,
            false => &self.refused,
        };
        counter.fetch_add(1, Relaxed);
    }
}

/// Returns what the rule admits to a client that asks all the time.
fn quota<R>(rule: R, plan: Plan) -> u64
where
    R: Rule + Clone + Debug + Send + Sync + 'static,
{
    let clock = Manual::new();
    let limiter = Local::builder(rule).clock(clock.clone()).direct();
    let mut admitted = 0;
    let mut elapsed = Duration::ZERO;
    while elapsed < plan.duration {
        while !limiter.check(1).is_denied() {
            admitted += 1;
        }
        clock.advance(plan.step);
        elapsed += plan.step;
    }
    admitted
}

//! The API behind metrics, deadlines, a rate limit and a limit of concurrency. The
//! state of the rate limit is in this process or in Redis.

use std::{error::Error, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use sluicegate::{
    InvalidSetting,
    concurrency::{self, ConcurrencyLayer, Priority, Queue},
    deadline::EnforceDeadlineLayer,
    key::{Client, ClientIp},
    limit::{
        FailClosed, FailOpen, FixedWindow, LeakyBucket, Limiter, Local, OrElse, Policy,
        RateLimitLayer, Redis, Scripted, SlidingLog, SlidingWindow, TokenBucket,
    },
    red::{RedLayer, Registry},
    redis::Connection,
};

use crate::{Algorithm, Args, OnFailure};

/// Puts the API behind its layers. All routes share the budget of a client.
pub(crate) fn app(
    args: &Args,
    client: ClientIp,
    redis: Option<Connection>,
    metrics: &Registry,
    api: Router,
) -> Result<Router, InvalidSetting> {
    let quota = args.limit;
    let it = Limited {
        args,
        client,
        redis,
        metrics,
        api,
    };
    Ok(match args.algorithm {
        Algorithm::TokenBucket => it.by(TokenBucket::new(quota)),
        Algorithm::LeakyBucket => it.by(LeakyBucket::new(quota)),
        Algorithm::LeakyBucketMeter => it.by(LeakyBucket::meter(quota)),
        Algorithm::SlidingWindow => it.by(SlidingWindow::try_new(quota)?),
        Algorithm::SlidingLog => it.by(SlidingLog::try_new(quota)?),
        Algorithm::FixedWindow => it.by(FixedWindow::new(quota)),
    })
}

/// Everything but the rule of the limit.
struct Limited<'a> {
    args: &'a Args,
    client: ClientIp,
    redis: Option<Connection>,
    metrics: &'a Registry,
    api: Router,
}

impl Limited<'_> {
    fn by<R: Scripted>(self, rule: R) -> Router
    where
        R::State: Sync,
    {
        let local = Local::builder(rule.clone())
            .name("orders")
            .observe(self.observer())
            .keyed();
        let Some(redis) = &self.redis else {
            return self.behind(local);
        };
        let limiter = Redis::builder("orders", rule, redis).observe(self.observer());
        match self.args.on_redis_failure {
            OnFailure::Open => self.shared(limiter.build(FailOpen)),
            OnFailure::Closed => self.shared(limiter.build(FailClosed)),
            OnFailure::Local => self.shared(limiter.build(OrElse(local))),
        }
    }

    /// Counts the events of the layers.
    fn observer(&self) -> Arc<Registry> {
        Arc::new(self.metrics.clone())
    }

    fn shared<R, P>(&self, limiter: Redis<R, P>) -> Router
    where
        R: Scripted<State: Sync>,
        P: Policy,
        Redis<R, P>: Limiter<Client, Future: Send, Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        self.metrics.limiter(&limiter);
        self.behind(limiter)
    }

    /// The layer goes outside of everything that may wait, so that time counts from
    /// the arrival of a request.
    fn deadline(&self) -> EnforceDeadlineLayer {
        EnforceDeadlineLayer::new()
            .default_timeout(self.args.deadline_default)
            .maximum(self.args.deadline_default)
            .observe(self.observer())
    }

    fn behind<L>(&self, limiter: L) -> Router
    where
        L: Limiter<Client> + Clone + Send + Sync + 'static,
        L::Future: Send,
        L::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let layer = RateLimitLayer::new(limiter)
            .key(self.client.clone())
            .exempt(is_health_check)
            .shadow(self.args.shadow)
            .observe(self.observer());
        let permits = concurrency::Local::builder(self.args.concurrency)
            .name("orders")
            .queue(Queue::new(50).max_wait(Duration::from_millis(100)))
            .build();
        let concurrency = ConcurrencyLayer::new(permits)
            .priority(Priority::header())
            .exempt(is_health_check)
            .shadow(self.args.shadow);
        self.api
            .clone()
            .layer(concurrency)
            .layer(layer)
            .layer(self.deadline())
            .layer(RedLayer::server(self.metrics))
    }
}

fn is_health_check(request: &Request) -> bool {
    request.uri().path() == "/healthz"
}

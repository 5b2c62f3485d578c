//! A request does not wait for a result after its deadline.

use std::{
    convert::Infallible,
    future::{Pending, pending},
    sync::Arc,
    time::Duration,
};

use sluicegate::{
    deadline::{self, Deadline},
    limit::{
        Backend, Check, Cost, Decision, LeakyBucket, Limiter, Quota, RateLimitLayer, TokenBucket,
        Verdict, Wait,
    },
    refusal::{AsError, BoxError, Reason, Refusal},
};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{ms, timed};

/// Returns what happens to a request with this remaining time.
async fn ask<L>(
    layer: &RateLimitLayer<L, sluicegate::key::Global, (), (), AsError>,
    left: Duration,
) -> Result<(), Reason>
where
    L: Limiter<()> + Clone,
{
    let service = layer.layer(service_fn(async |()| Ok::<_, BoxError>(())));
    let answer = deadline::scope(Deadline::after(left), service.oneshot(())).await;
    answer.map_err(|error| {
        let refusal = error.downcast_ref::<Refusal>().expect("a refusal");
        refusal.reason()
    })
}

#[tokio::test(start_paused = true)]
async fn a_place_in_a_queue_that_falls_due_too_late_is_not_taken() {
    let rule = LeakyBucket::new(Quota::per_second(10).burst(2));
    let layer = RateLimitLayer::new(timed(rule)).refuse_with(AsError);
    let begun = Instant::now();
    assert_eq!(ask(&layer, ms(50)).await, Ok(()));
    assert_eq!(ask(&layer, ms(99)).await, Err(Reason::DeadlineExceeded));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(ask(&layer, ms(100)).await, Ok(()));
    assert_eq!(begun.elapsed(), ms(100));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_over_the_limit_however_much_time_is_left() {
    let limiter = timed(LeakyBucket::new(Quota::per_second(10).burst(2)));
    limiter.debit(3);
    let layer = RateLimitLayer::new(limiter).refuse_with(AsError);
    assert_eq!(ask(&layer, ms(10_000)).await, Err(Reason::OverLimit));
    assert_eq!(ask(&layer, ms(1)).await, Err(Reason::OverLimit));
}

#[tokio::test(start_paused = true)]
async fn patience_ends_with_the_deadline() {
    let limiter = timed(TokenBucket::new(Quota::per_second(10).burst(1)));
    let layer = RateLimitLayer::new(limiter.clone())
        .wait(Wait::up_to(ms(500)))
        .refuse_with(AsError);
    assert_eq!(ask(&layer, ms(1)).await, Ok(()));
    assert_eq!(ask(&layer, ms(60)).await, Err(Reason::DeadlineExceeded));
    limiter.debit(10);
    // Without a deadline it would not have waited so long either.
    assert_eq!(ask(&layer, ms(60)).await, Err(Reason::OverLimit));
    assert_eq!(ask(&layer, ms(10_000)).await, Err(Reason::OverLimit));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_wait_is_over_the_limit() {
    let limiter = timed(TokenBucket::new(Quota::per_second(10).burst(1)));
    let layer = RateLimitLayer::new(limiter).refuse_with(AsError);
    assert_eq!(ask(&layer, ms(1)).await, Ok(()));
    assert_eq!(ask(&layer, ms(1)).await, Err(Reason::OverLimit));
}

/// A limiter that never makes up its mind.
#[derive(Clone)]
struct Silent(Arc<str>);

impl Backend for Silent {
    type Error = Infallible;
    type Future = Pending<Result<Decision, Infallible>>;
}

impl Limiter<()> for Silent {
    fn name(&self, _key: &()) -> Arc<str> {
        self.0.clone()
    }

    fn check(&self, _key: &(), _cost: Cost) -> Check<Self::Future> {
        Check::Later(pending())
    }

    fn until_ready(&self, key: &(), cost: Cost, _patience: Wait) -> Check<Self::Future> {
        self.check(key, cost)
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_silent_is_not_waited_for_beyond_the_deadline() {
    let layer = RateLimitLayer::new(Silent("silent".into())).refuse_with(AsError);
    let begun = Instant::now();
    assert_eq!(ask(&layer, ms(70)).await, Err(Reason::DeadlineExceeded));
    assert_eq!(begun.elapsed(), ms(70));
}

#[tokio::test(start_paused = true)]
async fn in_shadow_a_silent_store_lets_pass() {
    let layer = RateLimitLayer::new(Silent("silent".into())).refuse_with(AsError);
    assert_eq!(ask(&layer.shadow(true), ms(70)).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn patience_can_be_told_of_a_deadline_by_hand() {
    let limiter = timed(LeakyBucket::new(Quota::per_second(10).burst(2)));
    limiter.check(1);
    let soon = Wait::none().before(Deadline::after(ms(60)));
    let denied = limiter.until_ready(1, soon).await;
    assert_eq!(denied.verdict(), Verdict::Deny);
    // So much later it would have been in time.
    assert_eq!(denied.retry_after(), Some(ms(40)));
}

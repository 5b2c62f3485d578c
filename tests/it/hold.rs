//! Holds: charges that are settled when the real cost is known.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use sluicegate::{
    clock::{Manual, Tokio},
    limit::{
        All, Cost, Denial, Direct, Hold, HoldError, HoldLimiter, LeakyBucket, Local, Quota, Rule,
        SlidingLog, SlidingWindow, Tiers, TokenBucket, Wait,
    },
};
use tokio::sync::Barrier;

fn at<R: Rule>(rule: R, clock: &Manual) -> Local<R, Direct, Manual> {
    Local::builder(rule).clock(clock.clone()).direct()
}

fn tokens(amount: u64) -> Local<TokenBucket, Direct, Manual> {
    at(TokenBucket::new(Quota::per_hour(amount)), &Manual::new())
}

fn left<R: Rule>(limiter: &Local<R, Direct, Manual>) -> Cost {
    limiter.peek().remaining()
}

#[test]
fn a_hold_charges_its_estimate_until_it_is_settled() {
    let limiter = tokens(100);
    let hold = limiter.hold(40).unwrap();
    assert_eq!((hold.estimate(), hold.decision().remaining()), (40, 60));
    assert_eq!(left(&limiter), 60);
    hold.settle(15);
    assert_eq!(left(&limiter), 85);
}

#[test]
fn over_use_becomes_debt() {
    let limiter = tokens(10);
    limiter.hold(10).unwrap().settle(25);
    let denied = limiter.hold(1).unwrap_err();
    assert_eq!(denied.denial(), Some(Denial::OverLimit));
    // 15 tokens of debt and the one asked for, at 10 an hour.
    assert_eq!(denied.retry_after(), Some(Duration::from_secs(16 * 360)));
}

#[test]
fn a_hold_ends_as_its_type_says() {
    let limiter = tokens(100);
    drop(limiter.hold(1).unwrap());
    assert_eq!(left(&limiter), 99, "kept unless it is told otherwise");
    drop(limiter.hold(10).unwrap().or_give_back());
    assert_eq!(left(&limiter), 99);
    drop(limiter.hold(10).unwrap().or_give_back().or_keep());
    assert_eq!(left(&limiter), 89);
    limiter.hold(10).unwrap().or_give_back().keep();
    assert_eq!(left(&limiter), 79);
    limiter.hold(10).unwrap().give_back();
    assert_eq!(left(&limiter), 79);
}

#[test]
fn a_hold_of_a_window_that_has_turned_goes_back() {
    let clock = Manual::new();
    let limiter = at(SlidingWindow::new(Quota::per_hour(100)), &clock);
    let hold = limiter.hold(60).unwrap();
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(left(&limiter), 40, "the window before still counts");
    hold.give_back();
    assert_eq!(left(&limiter), 100);
}

#[test]
fn a_future_that_is_dropped_gives_back() {
    let limiter = tokens(10);
    let holding = HoldLimiter::hold(&limiter, &(), 4);
    assert_eq!(left(&limiter), 6);
    drop(holding);
    assert_eq!(left(&limiter), 10);
}

#[tokio::test]
async fn of_fifty_concurrent_failures_the_limit_passes() {
    let limiter = Local::keyed(SlidingLog::new(Quota::per_hour(3)));
    let start = Arc::new(Barrier::new(50));
    let attempts = (0..50).map(|_| {
        let (limiter, start) = (limiter.clone(), start.clone());
        tokio::spawn(async move {
            let attempt = limiter.hold("ann", 1).map(Hold::or_give_back);
            // All attempts are under way before the first one ends.
            start.wait().await;
            attempt.map(Hold::keep).is_ok()
        })
    });
    let mut passed = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        passed += usize::from(attempt.await.unwrap());
    }
    assert_eq!(passed, 3);
}

#[tokio::test]
async fn all_hold_and_settle_together_or_not_at_all() {
    let (user, tenant) = (tokens(10), tokens(15));
    let all = All((user.clone(), tenant.clone())).one_key();
    let hold = all.hold(&(), 8).await.unwrap();
    assert_eq!((left(&user), left(&tenant)), (2, 7));
    let HoldError::Denied(denial) = all.hold(&(), 3).await.unwrap_err();
    assert_eq!(denial.limit(), 10, "the user's limit denies");
    assert_eq!((left(&user), left(&tenant)), (2, 7));
    hold.settle(5);
    assert_eq!((left(&user), left(&tenant)), (5, 10));
}

#[tokio::test]
async fn a_member_that_denies_gives_the_charges_before_it_back() {
    let (large, small) = (tokens(100), tokens(3));
    let all = All((large.clone(), small)).one_key();
    let denied = all.hold(&(), 4).await.unwrap_err();
    assert!(denied.denial().is_some_and(|denial| denial.limit() == 3));
    assert_eq!(left(&large), 100);
}

#[tokio::test]
async fn a_bucket_that_occurs_twice_is_held_and_settled_twice() {
    let limiter = tokens(100);
    let all = All((limiter.clone(), limiter.clone())).one_key();
    let hold = all.hold(&(), 10).await.unwrap();
    assert_eq!(left(&limiter), 80);
    hold.settle(4);
    assert_eq!(left(&limiter), 92);
    all.hold(&(), 0).await.unwrap().settle(1);
    assert_eq!(left(&limiter), 90);
}

#[tokio::test]
async fn a_tier_holds_in_its_own_limiter_and_a_blocked_one_does_not() {
    let (free, paid) = (tokens(10), tokens(100));
    let tiers = Tiers::new(free.clone())
        .tier("paid", paid.clone())
        .blocked("closed");
    let hold = tiers.hold(&("paid", ()), 60).await.unwrap();
    assert_eq!((left(&free), left(&paid)), (10, 40));
    hold.settle(1);
    assert_eq!(left(&paid), 99);
    let denied = tiers.hold(&("closed", ()), 1).await.unwrap_err();
    assert!(denied.denial().is_some_and(|denial| denial.limit() == 0));
}

/// One at once, one a second, on tokio's paused clock.
fn queue() -> Local<LeakyBucket, Direct, Tokio> {
    let rule = LeakyBucket::new(Quota::per_second(1).burst(10));
    Local::builder(rule).clock(Tokio::new()).direct()
}

#[tokio::test(start_paused = true)]
async fn a_hold_waits_for_its_place_and_is_settled_after_it() {
    let limiter = queue();
    let wait = Wait::up_to(Duration::from_secs(10));
    let first = limiter.hold_until_ready(1, wait).await.unwrap();
    let start = tokio::time::Instant::now();
    let second = limiter.hold_until_ready(3, wait).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    assert_eq!(limiter.peek().remaining(), 8);
    second.settle(1);
    assert_eq!(limiter.peek().remaining(), 10);
    // The first has left the bucket, so there is nothing to give back.
    first.give_back();
    assert_eq!(limiter.peek().remaining(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_moved_up_is_settled_where_it_is() {
    let limiter = Local::builder(SlidingLog::new(Quota::per_second(1)));
    let limiter = limiter.clock(Tokio::new()).direct();
    let wait = Wait::up_to(Duration::from_secs(10));
    limiter.hold_until_ready(1, wait).await.unwrap().keep();
    let leaves = limiter.hold_until_ready(1, wait);
    let moves_up = limiter.hold_until_ready(1, wait);
    drop(leaves);
    let start = tokio::time::Instant::now();
    let hold = moves_up.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    hold.give_back();
    assert_eq!(limiter.peek().remaining(), 1, "its entry is found");
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_is_dropped_at_any_poll_leaves_no_trace() {
    let wait = Wait::up_to(Duration::from_secs(10));
    for polls in 0..4 {
        let (bucket, queue) = (
            Local::builder(TokenBucket::new(Quota::per_day(100))),
            queue(),
        );
        let bucket = bucket.clock(Tokio::new()).direct();
        let all = All((bucket.clone(), queue.clone())).one_key();
        queue.check(1);
        {
            let mut holding = pin!(all.hold_until_ready(&(), 2, wait));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                let polled = holding.as_mut().poll(&mut context);
                assert!(matches!(polled, Poll::Pending));
            }
            assert_eq!(bucket.peek().remaining(), 98);
        }
        assert_eq!(bucket.peek().remaining(), 100, "{polls} polls");
        assert_eq!(queue.peek().remaining(), 10);
    }
}

#[test]
fn an_error_says_when_to_come_back() {
    let limiter = tokens(1);
    let denied = |cost| HoldError::<std::io::Error>::Denied(limiter.hold(cost).unwrap_err());
    assert_eq!(
        denied(2).to_string(),
        "over the limit, the estimate never fits"
    );
    limiter.hold(1).unwrap().keep();
    assert_eq!(denied(1).to_string(), "over the limit, retry in 3600s");
}

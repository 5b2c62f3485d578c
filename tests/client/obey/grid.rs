//! All rules, with windows of a second to an hour and quotas of 5 to 2,000.

use std::{fmt::Debug, time::Duration};

use sluicegate::{
    client::obey::ObeyLayer,
    clock::Tokio,
    limit::{
        Direct, FixedWindow, LeakyBucket, Limiter, Local, Quota, Rule, SlidingLog, SlidingWindow,
        TokenBucket,
    },
};

use super::simulation::{Outcome, Plan, run};

/// Quotas, and windows in seconds.
const GRID: [(u64, u64); 11] = [
    (5, 1),
    (20, 1),
    (100, 1),
    (2_000, 1),
    (5, 10),
    (100, 10),
    (2_000, 60),
    (5, 60),
    (600, 60),
    (5, 3_600),
    (100, 3_600),
];

/// Some thousands of calls, in at least 8 windows, over a network of 2 to 20 ms.
fn plan(layers: u64, (amount, seconds): (u64, u64)) -> Plan {
    let window = Duration::from_secs(seconds);
    let windows = (3_000 / amount).clamp(8, 60) as u32;
    // A caller makes about 60 calls a second.
    let callers = (amount / seconds / 15).max(50) / layers;
    Plan {
        layers,
        callers: callers.max(2),
        duration: window * windows,
        step: (window / amount as u32 / 20).max(Duration::from_micros(50)),
        latency: (Duration::from_millis(2), Duration::from_millis(20)),
    }
}

/// Waits for as long as it takes, which is longer than an hour here.
fn patient() -> ObeyLayer {
    let day = Duration::from_secs(86_400);
    ObeyLayer::new().cap(day).wait(day)
}

/// Calls that may be missing, because a layer learns from the first ones.
const LEARNED_FROM: u64 = 5;

/// Asserts that a layer alone is never refused, and uses this share of a quota.
async fn assert_alone<R>(grid: &[(u64, u64)], rule: impl Fn(Quota) -> R, share: impl Fn(u64) -> f64)
where
    R: Rule + Clone + Debug + Send + Sync + 'static,
    Local<R, Direct, Tokio>: Limiter<()> + Clone + Send + Sync + 'static,
{
    for &(amount, seconds) in grid {
        let quota = Quota::new(amount, Duration::from_secs(seconds)).unwrap();
        let rule = rule(quota);
        let outcome: Outcome = run(rule.clone(), plan(1, (amount, seconds)), patient).await;
        assert_eq!(outcome.refused, 0, "{rule:?} {outcome:?}");
        let least = (outcome.quota as f64 * share(seconds)) as u64;
        let missing = least.saturating_sub(outcome.admitted);
        assert!(
            missing <= LEARNED_FROM,
            "{:.4} {rule:?} {outcome:?}",
            outcome.used()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_alone_is_never_refused_by_a_bucket_and_uses_it() {
    assert_alone(&GRID, TokenBucket::new, |_| 0.99).await;
    assert_alone(&GRID, LeakyBucket::meter, |_| 0.99).await;
}

#[tokio::test(start_paused = true)]
async fn a_layer_alone_is_never_refused_by_a_queue_and_uses_it() {
    // A slower one holds calls back for seconds, so reports are as old. The places
    // of the queue are not filled.
    let fast = [(100, 1), (2_000, 1), (100, 10)];
    assert_alone(&fast, LeakyBucket::new, |_| 0.87).await;
}

#[tokio::test(start_paused = true)]
async fn a_layer_alone_is_never_refused_by_a_fixed_window_and_uses_it() {
    assert_alone(&GRID, FixedWindow::new, |_| 0.98).await;
}

/// A call that comes back can be used once a response has told so, which is a
/// round trip later: about 1 % of a window of a second.
fn moving(seconds: u64) -> f64 {
    match seconds {
        1 => 0.95,
        10 => 0.97,
        _ => 0.98,
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_alone_is_never_refused_by_a_sliding_window_and_uses_it() {
    assert_alone(&GRID, SlidingWindow::new, moving).await;
}

#[tokio::test(start_paused = true)]
async fn a_layer_alone_is_never_refused_by_a_log_and_uses_it() {
    assert_alone(&GRID, SlidingLog::new, moving).await;
}

/// Asserts that 50 layers are refused 2 % of their calls at most, and use this share of
/// a quota that has at least 2 calls a window for each of them.
async fn assert_shared<R>(rule: impl Fn(Quota) -> R, share: f64)
where
    R: Rule + Clone + Debug + Send + Sync + 'static,
    Local<R, Direct, Tokio>: Limiter<()> + Clone + Send + Sync + 'static,
{
    for (amount, seconds) in [(1_000, 1), (1_000, 10), (600, 60)] {
        let quota = Quota::new(amount, Duration::from_secs(seconds)).unwrap();
        let rule = rule(quota);
        let mut plan = plan(50, (amount, seconds));
        plan.duration = Duration::from_secs(seconds) * 15;
        let outcome = run(rule.clone(), plan, patient).await;
        let (used, refused) = (outcome.used(), outcome.refused_share());
        assert!(refused <= 0.02, "{refused:.4} {rule:?} {outcome:?}");
        assert!(used >= share, "{used:.4} {rule:?} {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_layers_share_any_bucket_and_window() {
    assert_shared(TokenBucket::new, 0.95).await;
    assert_shared(FixedWindow::new, 0.95).await;
    assert_shared(SlidingWindow::new, 0.95).await;
}

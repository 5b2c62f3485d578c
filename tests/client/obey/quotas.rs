//! How much of a quota is used, and how many calls are refused, in 10 minutes
//! of virtual time.

use std::time::Duration;

use sluicegate::{
    client::obey::ObeyLayer,
    limit::{FixedWindow, Quota, SlidingWindow, TokenBucket},
};

use super::simulation::{Outcome, Plan, run};

/// Callers that call all the time, over a network of 2 to 20 ms.
fn plan(layers: u64, callers: u64) -> Plan {
    Plan {
        layers,
        callers,
        duration: Duration::from_secs(600),
        step: Duration::from_millis(1),
        latency: (Duration::from_millis(2), Duration::from_millis(20)),
    }
}

/// 1,000 in 10 seconds.
fn thousand() -> Quota {
    Quota::new(1_000, Duration::from_secs(10)).unwrap()
}

fn assert_alone(outcome: &Outcome) {
    assert_eq!(outcome.refused, 0, "{outcome:?}");
    assert!(outcome.used() >= 0.99, "{:.4} {outcome:?}", outcome.used());
}

fn assert_shared(outcome: &Outcome) {
    let (used, refused) = (outcome.used(), outcome.refused_share());
    assert!(refused <= 0.02, "{refused:.4} {outcome:?}");
    assert!(used >= 0.95, "{used:.4} {outcome:?}");
    // The default wait, and the resolution of timers and the network.
    assert!(
        outcome.longest < Duration::from_millis(30_100),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_layer_alone_uses_a_bucket_without_a_refusal() {
    for quota in [
        Quota::per_second(10),
        Quota::per_second(10).burst(20),
        Quota::per_second(100),
        Quota::per_minute(100),
        Quota::per_minute(600),
        thousand(),
    ] {
        assert_alone(&run(TokenBucket::new(quota), plan(1, 50), ObeyLayer::new).await);
    }
}

#[tokio::test(start_paused = true)]
async fn one_layer_alone_uses_fixed_windows_without_a_refusal() {
    for quota in [
        Quota::per_second(10),
        Quota::per_second(100),
        Quota::per_minute(100),
        Quota::per_minute(600),
        thousand(),
    ] {
        assert_alone(&run(FixedWindow::new(quota), plan(1, 50), ObeyLayer::new).await);
    }
}

#[tokio::test(start_paused = true)]
async fn one_layer_alone_uses_a_sliding_window_without_a_refusal() {
    for quota in [Quota::per_minute(100), Quota::per_minute(600), thousand()] {
        assert_alone(&run(SlidingWindow::new(quota), plan(1, 50), ObeyLayer::new).await);
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_layers_share_a_bucket() {
    for quota in [Quota::per_second(100), Quota::per_minute(600), thousand()] {
        assert_shared(&run(TokenBucket::new(quota), plan(50, 2), ObeyLayer::new).await);
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_layers_share_fixed_windows() {
    for quota in [Quota::per_second(100), Quota::per_minute(600), thousand()] {
        assert_shared(&run(FixedWindow::new(quota), plan(50, 2), ObeyLayer::new).await);
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_layers_share_a_sliding_window() {
    for quota in [Quota::per_minute(600), thousand()] {
        assert_shared(&run(SlidingWindow::new(quota), plan(50, 2), ObeyLayer::new).await);
    }
}

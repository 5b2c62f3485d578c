//! First come, first served; a caller that leaves the queue does not delay the
//! others.

use std::{future::Future, time::Duration};

use futures_util::FutureExt;
use http::StatusCode;
use proptest::prelude::*;
use sluicegate::{
    clock::Tokio,
    limit::{
        Cost, Decision, Direct, FixedWindow, LeakyBucket, Local, Quota, RateLimitLayer, Rule,
        SlidingLog, SlidingWindow, TokenBucket, UntilReady, Verdict, Wait,
    },
};
use tokio::{task::JoinHandle, time::sleep};
use tower::{Layer, Service, ServiceExt};

use crate::support::{Journal, Probe, ms, request, timed};

const LONG: Wait = Wait::up_to(Duration::from_secs(3_600));

/// 10 a second, `burst` at once.
fn ten_a_second(burst: u64) -> Quota {
    Quota::per_second(10).burst(burst)
}

/// One passes now and another after every 100 ms.
fn one_each_100_ms() -> Local<TokenBucket, Direct, Tokio> {
    timed(TokenBucket::new(ten_a_second(1)))
}

/// Writes `name` into the journal when its turn has come.
fn wait<T: Clone + Send + 'static>(
    journal: &Journal<T>,
    ready: UntilReady,
    name: T,
) -> JoinHandle<()> {
    let journal = journal.clone();
    tokio::spawn(async move {
        if ready.await.is_admitted() {
            journal.write(name);
        }
    })
}

/// Lets every waiting caller have its turn.
async fn all_turns() {
    sleep(Duration::from_secs(7_200)).await;
}

/// The decision of a turn that has come already.
fn at_once(ready: UntilReady) -> Decision {
    ready.now_or_never().expect("it does not wait")
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_pass_in_the_order_in_which_they_came() {
    let (limiter, journal) = (one_each_100_ms(), Journal::new());
    let turns: Vec<_> = (0..5).map(|_| limiter.until_ready(1, LONG)).collect();
    // The place is booked by the call, so it does not matter who is polled first.
    for (name, ready) in turns.into_iter().enumerate().rev() {
        wait(&journal, ready, name);
    }
    all_turns().await;
    let expected = [(0, 0), (100, 1), (200, 2), (300, 3), (400, 4)];
    assert_eq!(journal.entries(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_does_not_overtake_those_who_wait() {
    let (limiter, journal) = (timed(TokenBucket::new(ten_a_second(3))), Journal::new());
    assert!(limiter.check(3).is_admitted());
    wait(&journal, limiter.until_ready(3, LONG), "large");
    sleep(ms(100)).await;
    assert!(limiter.check(1).is_denied(), "what has come back is booked");
    wait(&journal, limiter.until_ready(1, LONG), "small");
    all_turns().await;
    assert_eq!(journal.entries(), [(300, "large"), (400, "small")]);
}

#[tokio::test(start_paused = true)]
async fn after_the_wait_it_is_an_admission() {
    let bucket = one_each_100_ms();
    let queue = timed(LeakyBucket::new(ten_a_second(5)));
    let (mut direct, mut waited) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        direct.push(bucket.until_ready(1, LONG).await);
    }
    for _ in 0..2 {
        waited.push(queue.until_ready(1, Wait::none()).await);
    }
    for decisions in [direct, waited] {
        let verdicts: Vec<_> = decisions.iter().map(Decision::verdict).collect();
        assert_eq!(verdicts, [Verdict::Admit; 2]);
        let waits: Vec<_> = decisions.iter().map(Decision::waited).collect();
        assert_eq!(waits, [ms(0), ms(100)]);
        // As from the end of the wait, not from its beginning.
        assert_eq!(decisions[1].reset_after(), ms(100));
        assert!(decisions[1].more_after() <= ms(100));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_would_wait_too_long_is_denied_at_once() {
    let (limiter, max_wait) = (one_each_100_ms(), Wait::up_to(ms(200)));
    let _turns: Vec<_> = (0..3).map(|_| limiter.until_ready(1, max_wait)).collect();
    let denied = at_once(limiter.until_ready(1, max_wait));
    assert!(denied.is_denied());
    assert_eq!(denied.retry_after(), Some(ms(300)));
    assert_eq!(
        limiter.peek().reset_after(),
        ms(300),
        "a denial books nothing"
    );
    let never = at_once(limiter.until_ready(2, LONG));
    assert!(never.is_denied() && never.retry_after().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_exactly_the_bound_passes() {
    let limiter = one_each_100_ms();
    assert!(limiter.check(1).is_admitted());
    sleep(ms(40)).await;
    let a_tick_short = Wait::up_to(Duration::from_micros(59_999));
    assert!(at_once(limiter.until_ready(1, a_tick_short)).is_denied());
    let journal = Journal::new();
    wait(&journal, limiter.until_ready(1, Wait::up_to(ms(60))), ());
    all_turns().await;
    assert_eq!(journal.entries(), [(60, ())]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_takes_no_request_until_one_has_left() {
    let (limiter, max_wait) = (one_each_100_ms(), LONG.queue(2));
    assert!(limiter.check(1).is_admitted());
    let first = limiter.until_ready(1, max_wait);
    let second = limiter.until_ready(1, max_wait);
    assert!(at_once(limiter.until_ready(1, max_wait)).is_denied());
    drop(second);
    let second = limiter.until_ready(1, max_wait);
    assert!(at_once(limiter.until_ready(1, max_wait)).is_denied());
    assert!(first.await.is_admitted());
    let third = limiter.until_ready(1, max_wait);
    assert!(second.await.is_admitted() && third.await.is_admitted());
}

#[tokio::test(start_paused = true)]
async fn every_key_has_a_line_of_its_own() {
    let rule = TokenBucket::new(ten_a_second(1));
    let limiter = Local::builder(rule).clock(Tokio::new()).keyed();
    let (journal, max_wait) = (Journal::new(), LONG.queue(1));
    for key in ["a", "b"] {
        assert!(limiter.check(key, 1).is_admitted());
        wait(&journal, limiter.until_ready(key, 1, max_wait), key);
        assert!(at_once(limiter.until_ready(key, 1, max_wait)).is_denied());
    }
    all_turns().await;
    assert_eq!(journal.entries(), [(100, "a"), (100, "b")]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_waiter_gives_its_place_to_the_next() {
    let (limiter, journal) = (one_each_100_ms(), Journal::new());
    assert!(limiter.check(1).is_admitted());
    wait(&journal, limiter.until_ready(1, LONG), "a");
    let dropped = limiter.until_ready(1, LONG);
    wait(&journal, limiter.until_ready(1, LONG), "c");
    wait(&journal, limiter.until_ready(1, LONG), "d");
    sleep(ms(50)).await;
    drop(dropped);
    all_turns().await;
    assert_eq!(journal.entries(), [(100, "a"), (200, "c"), (300, "d")]);
}

#[tokio::test(start_paused = true)]
async fn the_reservation_of_the_last_in_the_queue_goes_back_into_the_bucket() {
    let (limiter, journal) = (one_each_100_ms(), Journal::new());
    assert!(limiter.check(1).is_admitted());
    let dropped = limiter.until_ready(1, LONG);
    wait(&journal, limiter.until_ready(1, LONG), "b");
    assert_eq!(limiter.peek().reset_after(), ms(300));
    drop(dropped);
    assert_eq!(limiter.peek().reset_after(), ms(200));
    wait(&journal, limiter.until_ready(1, LONG), "newcomer");
    all_turns().await;
    assert_eq!(journal.entries(), [(100, "b"), (200, "newcomer")]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_aborted_gives_its_place_back() {
    let (limiter, journal) = (one_each_100_ms(), Journal::new());
    assert!(limiter.check(1).is_admitted());
    let aborted = wait(&journal, limiter.until_ready(1, LONG), "a");
    wait(&journal, limiter.until_ready(1, LONG), "b");
    sleep(ms(10)).await;
    aborted.abort();
    all_turns().await;
    assert_eq!(journal.entries(), [(100, "b")]);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_has_come_due_is_used_and_not_given_back() {
    let (limiter, journal) = (one_each_100_ms(), Journal::new());
    assert!(limiter.check(1).is_admitted());
    let unpolled = limiter.until_ready(1, LONG);
    wait(&journal, limiter.until_ready(1, LONG), "b");
    sleep(ms(150)).await;
    drop(unpolled);
    assert_eq!(limiter.peek().reset_after(), ms(150));
    all_turns().await;
    assert_eq!(journal.entries(), [(200, "b")]);
}

#[tokio::test(start_paused = true)]
async fn a_place_too_small_for_the_next_in_line_lapses() {
    let (limiter, journal) = (timed(TokenBucket::new(ten_a_second(2))), Journal::new());
    assert!(limiter.check(2).is_admitted());
    let dropped = limiter.until_ready(1, LONG);
    wait(&journal, limiter.until_ready(2, LONG), "needs two");
    assert_eq!(limiter.peek().reset_after(), ms(500));
    drop(dropped);
    assert_eq!(limiter.peek().reset_after(), ms(500));
    all_turns().await;
    assert_eq!(journal.entries(), [(300, "needs two")]);
}

#[tokio::test(start_paused = true)]
async fn a_large_place_holds_whoever_is_next() {
    let (limiter, journal) = (timed(TokenBucket::new(ten_a_second(2))), Journal::new());
    assert!(limiter.check(2).is_admitted());
    let dropped = limiter.until_ready(2, LONG);
    wait(&journal, limiter.until_ready(1, LONG), "needs one");
    drop(dropped);
    assert_eq!(
        limiter.peek().reset_after(),
        ms(400),
        "one of three is back"
    );
    all_turns().await;
    assert_eq!(journal.entries(), [(200, "needs one")]);
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_may_leave_and_nothing_is_lost() {
    let limiter = one_each_100_ms();
    assert!(limiter.check(1).is_admitted());
    let mut turns: Vec<_> = (0..20).map(|_| limiter.until_ready(1, LONG)).collect();
    for position in [7, 0, 17, 3] {
        drop(turns.remove(position));
    }
    drop(turns);
    assert_eq!(limiter.peek().reset_after(), ms(100));
    sleep(ms(100)).await;
    assert_eq!(limiter.peek().reset_after(), Duration::ZERO);
}

/// A reservation in a later window that is given back must not clear the present
/// window: a caller that waits and leaves would get the quota of a new window.
#[tokio::test(start_paused = true)]
async fn leaving_the_line_does_not_empty_the_present_window() {
    let quota = Quota::per_second(10);
    leaves_the_line(timed(FixedWindow::new(quota))).await;
    leaves_the_line(timed(SlidingWindow::new(quota))).await;
    leaves_the_line(timed(SlidingLog::new(quota))).await;
}

async fn leaves_the_line<R: Rule>(limiter: Local<R, Direct, Tokio>) {
    assert!(limiter.check(10).is_admitted());
    drop(limiter.until_ready(10, LONG));
    assert!(limiter.check(1).is_denied(), "{limiter:?}");
    all_turns().await;
    assert!(limiter.check(10).is_admitted(), "{limiter:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leaky_bucket_passes_one_in_every_interval() {
    let (limiter, journal) = (timed(LeakyBucket::new(ten_a_second(3))), Journal::new());
    for name in 0..4 {
        wait(&journal, limiter.until_ready(1, LONG), name);
    }
    all_turns().await;
    assert_eq!(journal.entries(), [(0, 0), (100, 1), (200, 2), (300, 3)]);
}

#[tokio::test(start_paused = true)]
async fn no_request_waits_longer_in_a_leaky_bucket_than_its_bound() {
    let limiter = timed(LeakyBucket::new(ten_a_second(2)));
    let max_wait = Wait::up_to(ms(100));
    let _turns: Vec<_> = (0..2).map(|_| limiter.until_ready(1, max_wait)).collect();
    let denied = at_once(limiter.until_ready(1, max_wait));
    assert_eq!(denied.retry_after(), Some(ms(100)));

    let full = timed(LeakyBucket::new(ten_a_second(2)));
    let _turns: Vec<_> = (0..3).map(|_| full.until_ready(1, LONG)).collect();
    assert!(at_once(full.until_ready(1, max_wait)).is_denied());
    assert_eq!(full.peek().reset_after(), ms(300), "a denial books nothing");
}

#[tokio::test(start_paused = true)]
async fn a_leaky_bucket_with_no_room_left_refuses_the_most_patient() {
    let limiter = timed(LeakyBucket::new(ten_a_second(2)));
    let _turns: Vec<_> = (0..3).map(|_| limiter.until_ready(1, LONG)).collect();
    let denied = at_once(limiter.until_ready(1, LONG));
    assert_eq!(denied.retry_after(), Some(ms(100)));
}

/// Sends `count` requests at once through a layer, and says when they passed.
async fn passing_through<R: Rule>(
    layer: RateLimitLayer<Local<R, Direct, Tokio>>,
    count: usize,
) -> Vec<(u64, StatusCode)> {
    let (mut service, journal) = (layer.layer(Probe::new()), Journal::new());
    for _ in 0..count {
        let response = service.ready().await.unwrap().call(request());
        let journal = journal.clone();
        tokio::spawn(async move { journal.write(response.await.unwrap().status()) });
    }
    all_turns().await;
    journal.entries()
}

#[tokio::test(start_paused = true)]
async fn a_layer_over_a_leaky_bucket_lets_requests_through_an_interval_apart() {
    let limiter = timed(LeakyBucket::new(ten_a_second(2)));
    let passed = passing_through(RateLimitLayer::new(limiter).wait(LONG), 3).await;
    assert_eq!(passed, [0, 100, 200].map(|at| (at, StatusCode::OK)));
}

/// The leaky bucket has a queue of its own, without a setting of the layer.
#[tokio::test(start_paused = true)]
async fn a_leaky_bucket_makes_requests_wait_unasked() {
    let limiter = timed(LeakyBucket::new(ten_a_second(2)));
    let passed = passing_through(RateLimitLayer::new(limiter), 4).await;
    let refused = (0, StatusCode::TOO_MANY_REQUESTS);
    let expected = [0, 100, 200].map(|at| (at, StatusCode::OK));
    assert_eq!(passed[..2], [expected[0], refused]);
    assert_eq!(passed[2..], expected[1..]);
}

#[tokio::test(start_paused = true)]
async fn in_shadow_mode_a_leaky_bucket_delays_no_request() {
    let limiter = timed(LeakyBucket::new(ten_a_second(2)));
    let layer = RateLimitLayer::new(limiter).wait(LONG).shadow(true);
    assert_eq!(passing_through(layer, 5).await, [(0, StatusCode::OK); 5]);
}

#[tokio::test(start_paused = true)]
async fn a_layer_refuses_what_would_wait_for_too_long() {
    let layer = RateLimitLayer::new(one_each_100_ms()).wait(Wait::up_to(ms(150)));
    let passed = passing_through(layer, 3).await;
    let refused = (0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        passed,
        [(0, StatusCode::OK), refused, (100, StatusCode::OK)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_gives_its_place_to_the_next() {
    let limiter = one_each_100_ms();
    let layer = RateLimitLayer::new(limiter.clone()).wait(LONG);
    let mut service = layer.layer(Probe::new());
    let mut send = async || service.ready().await.unwrap().call(request());
    let (first, dropped, last) = (send().await, send().await, send().await);
    assert_eq!(limiter.peek().reset_after(), ms(300));
    let journal = Journal::new();
    drop(dropped);
    assert_eq!(limiter.peek().reset_after(), ms(200));
    for response in [first, last] {
        assert_eq!(response.await.unwrap().status(), StatusCode::OK);
        journal.write(());
    }
    assert_eq!(journal.entries(), [(0, ()), (100, ())]);
    assert_eq!(
        service.get_ref().calls(),
        2,
        "what was dropped was not sent"
    );
}

/// Comes and goes, as a caller might.
#[derive(Clone, Debug)]
enum Step {
    Join(Cost),
    Check(Cost),
    Leave(usize),
    Sleep(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..=4_u64).prop_map(Step::Join),
        1 => (1..=4_u64).prop_map(Step::Check),
        2 => any::<usize>().prop_map(Step::Leave),
        3 => (1..=250_u64).prop_map(Step::Sleep),
    ]
}

/// The requests that passed, and their milliseconds.
fn walk<R: Rule>(rule: R, steps: &[Step]) -> Vec<(u64, Cost)> {
    on_paused_time(async {
        let (limiter, journal) = (timed(rule), Journal::new());
        let mut turns = Vec::new();
        for step in steps {
            match *step {
                Step::Join(cost) => {
                    turns.push(wait(&journal, limiter.until_ready(cost, LONG), cost));
                }
                Step::Check(cost) if limiter.check(cost).is_admitted() => journal.write(cost),
                Step::Leave(turn) if !turns.is_empty() => {
                    turns.swap_remove(turn % turns.len()).abort();
                }
                Step::Sleep(millis) => sleep(ms(millis)).await,
                Step::Check(_) | Step::Leave(_) => {}
            }
            tokio::task::yield_now().await;
        }
        all_turns().await;
        journal.entries()
    })
}

fn on_paused_time<T>(story: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(story)
}

/// The total of every span of the log, with the span's length.
fn spans(log: &[(u64, Cost)]) -> impl Iterator<Item = (u64, Cost)> {
    (0..log.len()).flat_map(move |from| {
        let totals = log[from..].iter().scan(0, |total, &(_, cost)| {
            *total += cost;
            Some(*total)
        });
        let lengths = log[from..].iter().map(move |(at, _)| at - log[from].0);
        lengths.zip(totals)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_token_bucket_is_never_exceeded_whoever_leaves_the_line(steps in prop::collection::vec(step(), 1..60)) {
        let log = walk(TokenBucket::new(ten_a_second(5)), &steps);
        for (millis, total) in spans(&log) {
            prop_assert!(total * 100 <= 5 * 100 + millis, "{total} in {millis} ms: {log:?}");
        }
    }

    #[test]
    fn a_sliding_log_is_never_exceeded_whoever_leaves_the_line(steps in prop::collection::vec(step(), 1..60)) {
        let log = walk(SlidingLog::new(Quota::per_second(5)), &steps);
        for (millis, total) in spans(&log) {
            prop_assert!(millis >= 1_000 || total <= 5, "{total} in {millis} ms: {log:?}");
        }
    }

    #[test]
    fn no_window_is_exceeded_whoever_leaves_the_line(steps in prop::collection::vec(step(), 1..60)) {
        let quota = Quota::per_second(5);
        for log in [walk(SlidingWindow::new(quota), &steps), walk(FixedWindow::new(quota), &steps)] {
            let mut windows = std::collections::BTreeMap::new();
            for (at, cost) in &log {
                *windows.entry(at / 1_000).or_insert(0) += cost;
            }
            prop_assert!(windows.values().all(|total| *total <= 5), "{windows:?}: {log:?}");
        }
    }

    /// Nothing is lost for good either: when all have left, the bucket is whole.
    #[test]
    fn a_line_leaves_a_whole_bucket_behind(costs in prop::collection::vec(1..=5_u64, 1..20)) {
        let left = on_paused_time(async {
            let limiter = timed(TokenBucket::new(ten_a_second(5)));
            let turns: Vec<_> = costs.iter().map(|cost| limiter.until_ready(*cost, LONG)).collect();
            for turn in turns {
                assert!(turn.await.is_admitted());
            }
            sleep(limiter.peek().reset_after()).await;
            limiter.peek().remaining()
        });
        prop_assert_eq!(left, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_reset_those_in_line_have_nothing_to_give_back() {
    let limiter = Local::builder(TokenBucket::new(Quota::per_hour(5)))
        .clock(sluicegate::clock::Tokio::new())
        .direct();
    assert!(limiter.check(5).is_admitted());
    let max_wait = Wait::up_to(Duration::from_secs(100_000));
    let line: Vec<_> = (0..5).map(|_| limiter.until_ready(1, max_wait)).collect();
    limiter.reset();
    assert!(limiter.check(5).is_admitted());
    drop(line);
    assert!(limiter.check(1).is_denied());
}

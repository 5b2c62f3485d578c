//! The queue: which requests wait, in which order they pass, and how their
//! waits end.

use std::time::Duration;

use sluicegate::{
    concurrency::{Ask, Direct, Local, Permit, Queue, Rank, Shed, Waiting},
    criticality::Criticality::*,
    deadline::Deadline,
};
use tokio::time::{advance, timeout};

use crate::support::{admitted, ask, is_waiting, outcome, poll, queued, refused};

const MILLI: Duration = Duration::from_millis(1);

/// A limit of one whose permit is taken, and a queue of three in the order of
/// arrival, with waits of up to a second.
fn full() -> (Local<Direct>, Permit) {
    full_with(
        Queue::new(3)
            .max_wait(1_000 * MILLI)
            .newest_first_after(Duration::MAX),
    )
}

fn full_with(queue: Queue) -> (Local<Direct>, Permit) {
    let permits = Local::builder(1).queue(queue).build();
    let held = admitted(permits.acquire(Ask::new()));
    (permits, held)
}

#[tokio::test(start_paused = true)]
async fn requests_pass_in_the_order_in_which_they_came() {
    let (permits, mut held) = full();
    let waits: Vec<_> = (0..3)
        .map(|_| queued(permits.acquire(Ask::new())))
        .collect();
    for wait in waits {
        assert!(permits.usage().queued() > 0);
        drop(held);
        held = outcome(wait).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_by_its_length() {
    let (permits, _held) = full();
    let waits: Vec<_> = (0..3)
        .map(|_| queued(permits.acquire(Ask::new())))
        .collect();
    assert_eq!(refused(permits.acquire(Ask::new())), Shed::Full);
    assert_eq!(permits.usage().queued(), 3);
    drop(waits);
    assert_eq!(permits.usage().queued(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_by_time() {
    let (permits, _held) = full();
    let wait = queued(permits.acquire(Ask::new()));
    let result = timeout(999 * MILLI, wait).await;
    assert!(result.is_err(), "too early");
    let wait = queued(permits.acquire(Ask::new()));
    let shed = timeout(1_001 * MILLI, wait).await.unwrap().unwrap_err();
    assert_eq!(shed, Shed::TimedOut);
    assert_eq!(permits.usage().queued(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_knows_how_long_it_has_waited() {
    let (permits, held) = full();
    let wait = queued(permits.acquire(Ask::new()));
    advance(70 * MILLI).await;
    drop(held);
    assert_eq!(wait.await.unwrap().waited(), 70 * MILLI);
    assert_eq!(
        admitted(permits.acquire(Ask::new())).waited(),
        Duration::ZERO
    );
}

#[tokio::test(start_paused = true)]
async fn the_newest_passes_first_once_the_oldest_has_waited_longer_than_the_target() {
    let queue = Queue::new(3)
        .max_wait(1_000 * MILLI)
        .newest_first_after(100 * MILLI);
    let (permits, held) = full_with(queue);
    let first = queued(permits.acquire(Ask::new()));
    let second = queued(permits.acquire(Ask::new()));
    advance(100 * MILLI).await;
    let third = queued(permits.acquire(Ask::new()));
    drop(held);
    // Not longer than the target yet.
    let held = outcome(first).unwrap();
    advance(MILLI).await;
    drop(held);
    let held = outcome(third).unwrap();
    let fourth = queued(permits.acquire(Ask::new()));
    drop(held);
    let held = outcome(fourth).unwrap();
    drop(held);
    drop(outcome(second).unwrap());
}

#[tokio::test(start_paused = true)]
async fn one_level_that_waits_too_long_does_not_change_the_order_of_another() {
    let queue = Queue::new(5)
        .max_wait(1_000 * MILLI)
        .newest_first_after(100 * MILLI);
    let (permits, held) = full_with(queue);
    let _low = queued(permits.acquire(ask(SheddablePlus)));
    advance(200 * MILLI).await;
    let first = queued(permits.acquire(ask(Critical)));
    let _second = queued(permits.acquire(ask(Critical)));
    drop(held);
    drop(outcome(first).unwrap());
}

#[tokio::test(start_paused = true)]
async fn important_levels_pass_first() {
    let (permits, held) = full();
    let low = queued(permits.acquire(ask(SheddablePlus)));
    let high = queued(permits.acquire(ask(CriticalPlus)));
    let middle = queued(permits.acquire(ask(Critical)));
    drop(held);
    let held = outcome(high).unwrap();
    drop(held);
    let held = outcome(middle).unwrap();
    drop(held);
    drop(outcome(low).unwrap());
}

#[tokio::test(start_paused = true)]
async fn cohorts_of_a_level_pass_in_the_order_in_which_they_came() {
    let (permits, held) = full();
    let last_cohort = queued(permits.acquire(ask(Rank::new(Critical, 127))));
    let _first_cohort = queued(permits.acquire(ask(Rank::new(Critical, 0))));
    drop(held);
    drop(outcome(last_cohort).unwrap());
}

#[tokio::test(start_paused = true)]
async fn sheddable_requests_never_wait() {
    let (permits, held) = full();
    assert_eq!(refused(permits.acquire(ask(Sheddable))), Shed::Full);
    drop(held);
    drop(admitted(permits.acquire(ask(Sheddable))));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_place_for_a_higher_rank() {
    let (permits, _held) = full();
    let ranks = [
        Rank::new(Critical, 9),
        Rank::new(Critical, 7),
        Rank::new(Critical, 9),
    ];
    let [first, middle, last] = ranks.map(|rank| queued(permits.acquire(ask(rank))));
    // Of the lowest rank, the last that came.
    let mut higher = vec![queued(permits.acquire(ask(Rank::new(Critical, 8))))];
    assert_eq!(outcome(last).unwrap_err(), Shed::Outranked);
    higher.push(queued(permits.acquire(ask(CriticalPlus))));
    assert_eq!(outcome(first).unwrap_err(), Shed::Outranked);
    // None is lower than this one.
    assert_eq!(
        refused(permits.acquire(ask(Rank::new(Critical, 8)))),
        Shed::Full
    );
    assert!(is_waiting(middle));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_too_long_takes_the_lower_ranks_with_it() {
    let (permits, _held) = full();
    let high = queued(permits.acquire(ask(Rank::new(Critical, 5))));
    advance(500 * MILLI).await;
    let same = queued(permits.acquire(ask(Rank::new(Critical, 5))));
    let lower = queued(permits.acquire(ask(Rank::new(Critical, 6))));
    let (shed, lower, same) = tokio::join!(high, lower, timeout(100 * MILLI, same));
    assert_eq!(shed.unwrap_err(), Shed::TimedOut);
    assert_eq!(lower.unwrap_err(), Shed::Outranked);
    assert!(same.is_err(), "one of the same rank waits on");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_in_the_queue_ends_only_that_wait() {
    let (permits, _held) = full();
    let soon = Deadline::after(10 * MILLI);
    let high = queued(permits.acquire(ask(CriticalPlus).before(soon)));
    let low = queued(permits.acquire(ask(SheddablePlus)));
    assert_eq!(high.await.unwrap_err(), Shed::Expired);
    assert!(is_waiting(low));
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_deadline_has_passed_is_dropped_when_its_turn_comes() {
    let (permits, held) = full();
    let expired = queued(permits.acquire(Ask::new().before(Deadline::after(10 * MILLI))));
    let next = queued(permits.acquire(Ask::new()));
    // Nobody polls the first, so its own timer does not end its wait.
    advance(10 * MILLI).await;
    drop(held);
    let _permit = outcome(next).unwrap();
    assert_eq!(outcome(expired).unwrap_err(), Shed::Expired);
    assert_eq!(permits.usage().in_flight, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_waited_too_long_is_dropped_when_its_turn_comes() {
    let (permits, held) = full();
    let old = queued(permits.acquire(Ask::new()));
    advance(500 * MILLI).await;
    let next = queued(permits.acquire(Ask::new()));
    advance(500 * MILLI).await;
    drop(held);
    assert_eq!(outcome(old).unwrap_err(), Shed::TimedOut);
    drop(outcome(next).unwrap());
}

/// Holds the only permit for `took`, so that the queue knows how long work
/// takes.
async fn learn(permits: &Local<Direct>, took: Duration) {
    for _ in 0..64 {
        let permit = admitted(permits.acquire(Ask::new()));
        advance(took).await;
        drop(permit);
    }
}

/// By the reference: refused if mean * position / limit + median > what is left
/// until the deadline.
#[tokio::test(start_paused = true)]
async fn a_request_is_refused_at_once_if_its_turn_is_expected_after_its_deadline() {
    let queue = Queue::new(9)
        .max_wait(10_000 * MILLI)
        .newest_first_after(Duration::MAX);
    let permits = Local::builder(1).queue(queue).build();
    learn(&permits, 100 * MILLI).await;
    let _held = admitted(permits.acquire(Ask::new()));
    let before = |left: u64| Ask::new().before(Deadline::after(left as u32 * MILLI));
    // At the first position, 100 ms until its turn and 100 ms of work.
    assert_eq!(refused(permits.acquire(before(199))), Shed::TooLate);
    let _first = queued(permits.acquire(before(200)));
    assert_eq!(refused(permits.acquire(before(299))), Shed::TooLate);
    let _second = queued(permits.acquire(before(300)));
    // More important, so it comes before them.
    let _important = queued(permits.acquire(before(200).rank(CriticalPlus)));
    // Less important, so all of them come before it.
    let low = before(499).rank(SheddablePlus);
    assert_eq!(refused(permits.acquire(low)), Shed::TooLate);
    // Requests without a deadline wait as long as the queue allows.
    let _patient = queued(permits.acquire(Ask::new()));
}

#[tokio::test(start_paused = true)]
async fn a_larger_limit_makes_the_expected_wait_shorter() {
    let queue = Queue::new(9).newest_first_after(Duration::MAX);
    let permits = Local::builder(1).queue(queue).build();
    learn(&permits, 100 * MILLI).await;
    permits.set_limit(4);
    let _held: Vec<_> = (0..4)
        .map(|_| admitted(permits.acquire(Ask::new())))
        .collect();
    let before = |left: u32| Ask::new().before(Deadline::after(left * MILLI));
    assert_eq!(refused(permits.acquire(before(124))), Shed::TooLate);
    let _waiting = queued(permits.acquire(before(125)));
}

#[tokio::test(start_paused = true)]
async fn the_estimate_holds_only_in_the_order_of_arrival() {
    let queue = Queue::new(9)
        .max_wait(10_000 * MILLI)
        .newest_first_after(150 * MILLI);
    let permits = Local::builder(1).queue(queue).build();
    learn(&permits, 100 * MILLI).await;
    let held = admitted(permits.acquire(Ask::new()));
    let _old = queued(permits.acquire(Ask::new()));
    let before = |left: u32| Ask::new().before(Deadline::after(left * MILLI));
    assert_eq!(refused(permits.acquire(before(150))), Shed::TooLate);
    advance(151 * MILLI).await;
    // The newest is served next.
    let newest = queued(permits.acquire(before(150)));
    drop(held);
    drop(outcome(newest).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_deadline_has_already_passed_does_not_wait() {
    let (permits, _held) = full();
    let deadline = Deadline::after(Duration::ZERO);
    assert_eq!(
        refused(permits.acquire(Ask::new().before(deadline))),
        Shed::TooLate
    );
}

#[tokio::test(start_paused = true)]
async fn a_cut_off_that_rises_refuses_waiting_requests_below_it() {
    let (permits, _held) = full();
    let below = queued(permits.acquire(ask(Rank::new(Critical, 8))));
    let above = queued(permits.acquire(ask(Rank::new(Critical, 7))));
    permits.set_cut_off(Rank::new(Critical, 7));
    assert_eq!(outcome(below).unwrap_err(), Shed::CutOff);
    assert!(is_waiting(above));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_goes_away_makes_place_and_passes_its_permit_on() {
    let (permits, held) = full();
    let mut waits: Vec<Waiting> = (0..3)
        .map(|_| queued(permits.acquire(Ask::new())))
        .collect();
    drop(waits.remove(0));
    assert_eq!(permits.usage().queued(), 2);
    drop(held);
    // It was given the permit, and has not looked yet.
    drop(waits.remove(0));
    let last = outcome(waits.remove(0)).unwrap();
    assert_eq!(permits.usage().in_flight, 1);
    drop(last);
    assert_eq!(permits.usage().in_flight, 0);
}

/// Cancels a wait after each number of polls, before and after a permit comes.
#[tokio::test(start_paused = true)]
async fn a_wait_may_be_cancelled_at_every_poll() {
    for polls in 0..3 {
        for release_at in 0..4 {
            let (permits, held) = full();
            let mut wait = queued(permits.acquire(Ask::new()));
            let mut held = Some(held);
            for nth in 0..=polls {
                if nth == release_at {
                    held = None;
                }
                if nth == polls || poll(&mut wait).is_ready() {
                    break;
                }
            }
            drop(wait);
            drop(held);
            let usage = permits.usage();
            assert_eq!((usage.in_flight, usage.queued()), (0, 0));
            drop(admitted(permits.acquire(Ask::new())));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_wakes_its_task() {
    let (permits, held) = full();
    let wait = queued(permits.acquire(Ask::new()));
    let task = tokio::spawn(async move { wait.await.map(|permit| permit.waited()) });
    tokio::task::yield_now().await;
    advance(5 * MILLI).await;
    drop(held);
    assert_eq!(task.await.unwrap().unwrap(), 5 * MILLI);
}

#[tokio::test(start_paused = true)]
async fn a_reserve_is_kept_from_waiting_requests_too() {
    let queue = Queue::new(4);
    let permits = Local::builder(2)
        .queue(queue)
        .reserve(Critical, 0.5)
        .build();
    let low = admitted(permits.acquire(ask(SheddablePlus)));
    let waiting_low = queued(permits.acquire(ask(SheddablePlus)));
    let high = admitted(permits.acquire(ask(Critical)));
    // Only the other half of the limit is free now.
    drop(high);
    assert_eq!(
        (permits.usage().in_flight, permits.usage().queued()),
        (1, 1)
    );
    drop(low);
    drop(outcome(waiting_low).unwrap());
}

#[test]
#[should_panic(expected = "invalid max_wait 0ns: must be above 0 and at most 1 h")]
fn a_wait_of_zero_is_rejected() {
    let _ = Queue::new(1).max_wait(Duration::ZERO);
}

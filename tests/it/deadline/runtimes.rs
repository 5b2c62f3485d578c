//! One layer on several runtimes.

use futures_util::FutureExt;
use http_body::Body;
use tokio::{task::yield_now, time::sleep};

use super::{
    expiry::body_behind,
    support::{is_late, ms, next, second},
};
use crate::runtimes::{First, Time};

#[test]
fn a_body_is_dropped_in_time_even_if_its_first_runtime_ends() {
    for first in First::ALL {
        let layer = second();
        let begin = async || body_behind(&layer).await;
        first.then(Time::Paused, begin, async |_theirs| {
            let (feeder, body) = body_behind(&layer).await;
            sleep(ms(999)).await;
            yield_now().await;
            assert!(!feeder.dropped.is(), "{first:?}");
            sleep(ms(2)).await;
            yield_now().await;
            assert!(feeder.dropped.is(), "{first:?}");
            drop(body);
        });
    }
}

#[test]
fn a_body_that_is_polled_on_another_runtime_is_dropped_in_time() {
    for first in First::ALL {
        let layer = second();
        let begin = async || body_behind(&layer).await;
        first.then(Time::Paused, begin, async |(feeder, mut body)| {
            assert!(next(&mut body).now_or_never().is_none(), "{first:?}");
            sleep(ms(1_001)).await;
            yield_now().await;
            assert!(feeder.dropped.is(), "{first:?}");
            assert!(!body.is_end_stream());
            assert!(is_late(next(&mut body).await));
        });
    }
}

#[test]
fn a_body_whose_runtime_has_ended_is_dropped_in_time() {
    let layer = second();
    let begin = async || body_behind(&layer).await;
    First::Dropped.then(Time::Paused, begin, async |(feeder, body)| {
        let _ours = body_behind(&layer).await;
        sleep(ms(1_001)).await;
        yield_now().await;
        assert!(feeder.dropped.is());
        drop(body);
    });
}

#[test]
fn bodies_of_two_runtimes_are_dropped_in_time() {
    let layer = second().default_timeout(ms(100));
    Time::Real.side_by_side(async |_| {
        for _ in 0..3 {
            let (feeder, mut body) = body_behind(&layer).await;
            assert!(is_late(next(&mut body).await));
            assert!(feeder.dropped.is());
        }
    });
}

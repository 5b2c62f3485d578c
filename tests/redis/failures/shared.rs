//! Several runtimes use one limiter and one connection.

use std::{thread, time::Duration};

use futures_util::{FutureExt, future::join_all};
use sluicegate::{
    limit::{FailClosed, Redis, TokenBucket, Wait},
    redis::{Connection, ErrorKind},
};
use tokio::{
    join,
    task::yield_now,
    time::{Instant, advance, pause, resume},
};

use super::{BUDGET, limiter, rule, stubborn};
use crate::{
    connection::{builder, until},
    runtimes::{First, Time},
    server::Server,
};

/// Of a call of a runtime that is held up.
const TIMEOUT: Duration = Duration::from_millis(500);

/// For tests that fail.
const BOUND: Duration = Duration::from_secs(20);

type Limiter = Redis<TokenBucket, FailClosed>;

async fn is_admitted(limiter: &Limiter) -> bool {
    let answer = limiter.check("k", 1).await;
    answer.is_ok_and(|decision| decision.is_admitted())
}

/// Many at once, so that most of them share calls.
async fn all_are_admitted(limiter: &Limiter) {
    let checks = (0..600).map(|_| is_admitted(limiter));
    assert!(join_all(checks).await.into_iter().all(|admitted| admitted));
}

/// As in `runtime.block_on(limiter.check(..))`, where the check is made first.
#[test]
fn a_check_that_is_made_outside_of_a_runtime_is_asked_where_it_is_awaited() {
    let server = Server::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (connection, limiter) = runtime.block_on(limiter(builder(server.url())));
    for _ in 0..3 {
        let decision = runtime.block_on(limiter.check("k", 1)).unwrap();
        assert!(decision.is_admitted());
    }
    assert_eq!(limiter.counts().calls, 3);
    let waits = Wait::up_to(Duration::from_secs(1));
    for _ in 0..3 {
        let decision = runtime.block_on(limiter.until_ready("k", 1, waits));
        assert!(decision.unwrap().is_admitted());
    }
    assert_eq!(
        runtime.block_on(limiter.peek("k")).unwrap().remaining(),
        BUDGET - 6
    );
    assert_eq!(connection.stats().failures, 0);
}

#[test]
fn checks_are_answered_whatever_becomes_of_the_first_runtime() {
    for first in First::ALL {
        let server = Server::start();
        let begin = async || {
            let (connection, limiter) = limiter(builder(server.url())).await;
            all_are_admitted(&limiter).await;
            // One more for each way to ask, which this runtime never comes to.
            let mut stuck: Vec<_> = (0..600).map(|_| limiter.check("k", 1)).collect();
            stuck.iter_mut().for_each(|check| {
                assert!(check.now_or_never().is_none());
            });
            (connection, limiter, stuck)
        };
        first.then(Time::Real, begin, async |(connection, limiter, _stuck)| {
            all_are_admitted(&limiter).await;
            assert_eq!(connection.stats().failures, 0, "{first:?}");
        });
    }
}

#[test]
fn a_connection_attempt_of_one_runtime_does_not_delay_others() {
    for first in First::ALL {
        let server = Server::start();
        let begin = async || {
            let connection = builder(server.url()).lazy().unwrap();
            let limiter = Redis::new("api", rule(), &connection, FailClosed);
            let mut stuck = limiter.check("k", 1);
            assert!((&mut stuck).now_or_never().is_none());
            (limiter, stuck)
        };
        first.then(Time::Real, begin, async |(limiter, _stuck)| {
            all_are_admitted(&limiter).await;
        });
    }
}

#[test]
fn the_first_check_of_every_runtime_is_answered() {
    let server = Server::start();
    let first = Time::Real.runtime();
    let (connection, limiter) = first.block_on(limiter(builder(server.url())));
    Time::Real.one_after_the_other(20, async |_| assert!(is_admitted(&limiter).await));
    Time::Real.side_by_side(async |_| all_are_admitted(&limiter).await);
    assert!(first.block_on(is_admitted(&limiter)));
    let stats = connection.stats();
    assert_eq!((stats.failures, stats.connects), (0, 23));
}

/// Opens the breaker while the server is down, which then comes back.
async fn with_open_breaker(server: &mut Server, probe_every: Duration) -> (Connection, Limiter) {
    let calls = builder(server.url()).breaker(3, probe_every);
    let (connection, limiter) = limiter(calls).await;
    server.kill();
    until("it is open", || async {
        let answer = limiter.check("k", 1).await;
        answer.is_err_and(|error| error.kind() == ErrorKind::CircuitOpen)
    })
    .await;
    server.restart();
    (connection, limiter)
}

#[test]
fn a_breaker_closes_whatever_becomes_of_the_first_runtime() {
    for first in First::ALL {
        let mut server = Server::start();
        let begin = async || with_open_breaker(&mut server, Duration::from_millis(100)).await;
        first.then(Time::Real, begin, async |(connection, limiter)| {
            until("it closes", || is_admitted(&limiter)).await;
            assert_eq!(connection.stats().closed, 1, "{first:?}");
        });
    }
}

#[test]
fn a_breaker_closes_though_no_runtime_lasts_as_long_as_its_interval() {
    let mut server = Server::start();
    let probe_every = Duration::from_millis(200);
    let open = with_open_breaker(&mut server, probe_every);
    let (connection, limiter) = Time::Real.runtime().block_on(open);
    let bound = Instant::now() + BOUND;
    // Each lasts for one check.
    while !Time::Real.runtime().block_on(is_admitted(&limiter)) {
        assert!(Instant::now() < bound, "never closed");
    }
    Time::Real.one_after_the_other(20, async |_| assert!(is_admitted(&limiter).await));
    assert_eq!(connection.stats().closed, 1);
}

#[test]
fn a_runtime_that_was_held_up_does_not_blame_the_server() {
    let server = Server::start();
    let first = Time::Real.runtime();
    let calls = builder(server.url()).timeout(TIMEOUT);
    let calls = calls.breaker(1, Duration::from_secs(3_600));
    let (connection, limiter) = first.block_on(limiter(calls));
    let mut client = server.client();
    let mut exists = || -> bool {
        let key = redis::cmd("KEYS")
            .arg("*")
            .query::<Vec<String>>(&mut client);
        key.unwrap().iter().any(|key| key.contains("held"))
    };
    let answer = first.block_on(async {
        // So that the server knows the script.
        assert!(is_admitted(&limiter).await);
        server.stop();
        let hold_up = async {
            for _ in 0..50 {
                yield_now().await;
            }
            server.go_on();
            // Nothing else is done here until the answer is there, and late.
            let late = Instant::now() + 2 * TIMEOUT;
            while !exists() || Instant::now() < late {
                assert!(Instant::now() < late + BOUND, "it is never charged");
                thread::yield_now();
            }
        };
        join!(limiter.check("held", 1), hold_up).0
    });
    assert!(answer.is_ok_and(|decision| decision.is_admitted()));
    let stats = connection.stats();
    assert_eq!((stats.failures, stats.opened), (0, 0));
}

#[test]
fn no_check_finds_out_what_happened_while_nothing_drove_its_runtime() {
    let server = Server::start();
    let runtime = Time::Real.runtime();
    let (connection, limiter) = runtime.block_on(limiter(stubborn(builder(server.url()))));
    let mut order = redis::cmd("CLIENT");
    order.arg(&["KILL", "TYPE", "normal"]);
    order.exec(&mut server.client()).unwrap();
    runtime.block_on(async {
        pause();
        advance(Duration::from_secs(2)).await;
        resume();
    });
    assert!(runtime.block_on(is_admitted(&limiter)));
    let stats = connection.stats();
    assert_eq!((stats.failures, stats.connects), (0, 2));
}

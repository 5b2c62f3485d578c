//! A limiter that is used on more than one runtime.

use std::time::Duration;

use futures_util::{FutureExt, future::join_all};
use sluicegate::{
    limit::{Check, CheckFuture, FailClosed, FailOpen, Quota, Redis, TokenBucket},
    redis::{Error, ErrorKind},
};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

use super::{
    accounts::{Tally, charged},
    limiter, rule, stubborn,
};
use crate::{
    connection::{builder, hasty, until},
    server::Server,
};

type Checks = Vec<Check<CheckFuture<TokenBucket, FailClosed>>>;

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn checks(limiter: &Redis<TokenBucket, FailClosed>) -> Checks {
    (0..600).map(|_| limiter.check("k", 1)).collect()
}

/// Has this runtime's tasks work the queue: both of them are in a call.
fn occupy(runtime: &Runtime, limiter: &Redis<TokenBucket, FailClosed>) -> Checks {
    runtime.block_on(async {
        let mut checks = checks(limiter);
        checks.iter_mut().for_each(|check| {
            assert!(check.now_or_never().is_none());
        });
        let calls = || async { limiter.counts().calls >= 3 };
        until("all calls are under way", calls).await;
        checks
    })
}

fn ask(runtime: &Runtime, limiter: &Redis<TokenBucket, FailClosed>) -> Checks {
    runtime.block_on(async { checks(limiter) })
}

fn answered(runtime: &Runtime, checks: Checks, tally: &Tally) {
    let answers = async { timeout(Duration::from_secs(20), join_all(checks)).await };
    let answers = runtime.block_on(answers);
    let answers = answers.expect("all are answered");
    answers.iter().for_each(|answer| tally.add(1, answer));
}

fn goes_on(runtime: &Runtime, limiter: &Redis<TokenBucket, FailClosed>, tally: &Tally) {
    runtime.block_on(until("Redis answers", || async {
        limiter.peek("k").await.is_ok()
    }));
    answered(runtime, ask(runtime, limiter), tally);
    tally.explains(runtime.block_on(charged(limiter, "k")));
    assert!(tally.admitted() >= 600, "{tally:?}");
}

#[test]
fn a_waiter_gets_its_reply_when_another_runtime_ends() {
    let server = Server::start();
    let (first, second) = (one_thread(), one_thread());
    let calls = stubborn(builder(server.url()));
    let (_, limiter) = second.block_on(limiter(calls));
    server.stop();
    let tally = Tally::default();
    drop(occupy(&first, &limiter));
    let waiting = ask(&second, &limiter);
    drop(first);
    answered(&second, waiting, &tally);
    server.go_on();
    goes_on(&second, &limiter, &tally);
}

#[test]
fn a_connection_outlives_the_runtime_that_it_began_on() {
    let server = Server::start();
    let (first, second) = (one_thread(), one_thread());
    let (connection, limiter) = first.block_on(limiter(builder(server.url())));
    let tally = Tally::default();
    answered(&first, ask(&first, &limiter), &tally);
    drop(first);
    goes_on(&second, &limiter, &tally);
    assert_eq!(connection.stats().connects, 2);
}

/// Nothing drives a runtime of one thread between two `block_on`.
#[test]
fn a_waiter_for_an_idle_runtime_gets_its_reply() {
    let server = Server::start();
    let (first, second) = (one_thread(), one_thread());
    let (_, limiter) = second.block_on(limiter(stubborn(hasty(server.url()))));
    server.stop();
    let tally = Tally::default();
    let stuck = occupy(&first, &limiter);
    let waiting = ask(&second, &limiter);
    answered(&second, waiting, &tally);
    server.go_on();
    answered(&second, ask(&second, &limiter), &tally);
    answered(&first, stuck, &tally);
    goes_on(&second, &limiter, &tally);
}

/// Their worker stands still with the runtime that they were made on.
#[test]
fn queued_checks_are_late_also_on_another_runtime() {
    let server = Server::start();
    let (first, second) = (one_thread(), one_thread());
    let (_, limiter) = second.block_on(limiter(stubborn(hasty(server.url()))));
    server.stop();
    let mut moved = occupy(&first, &limiter);
    // The first was sent by its caller, which stands still with it.
    drop(moved.remove(0));
    let late = second.block_on(async { timeout(Duration::from_secs(20), join_all(moved)).await });
    let late = late.expect("all are answered");
    assert!(late.iter().all(Result::is_err));
    server.go_on();
    let tally = Tally::default();
    late.iter().for_each(|answer| tally.add(1, answer));
    drop(first);
    goes_on(&second, &limiter, &tally);
}

#[test]
fn a_call_without_a_runtime_is_an_error() {
    let server = Server::start();
    let runtime = one_thread();
    let (connection, limiter) = runtime.block_on(limiter(builder(server.url())));
    let told = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        assert!(error.to_string().contains("no tokio runtime"), "{error}");
    };
    let checks = checks(&limiter);
    checks.into_iter().for_each(|check| {
        let answer = check.now_or_never().expect("nothing to wait for");
        told(answer.unwrap_err());
    });
    let connecting = builder(server.url()).connect().now_or_never();
    told(connecting.expect("nothing to wait for").unwrap_err());
    let open = Redis::new("open", rule(), &connection, FailOpen);
    let answer = open.check("k", 1).now_or_never();
    assert!(answer.expect("nothing to wait for").unwrap().is_admitted());
    answered(&runtime, ask(&runtime, &limiter), &Tally::default());
    assert_eq!(connection.stats().connects, 1);
}

/// Another runtime hears a denial after the credit was asked for, and before the
/// server has heard of it.
#[test]
fn a_credit_that_is_dropped_under_way_makes_denials_forgotten() {
    let (server, one, other) = (Server::start(), one_thread(), one_thread());
    let connection = one.block_on(builder(server.url()).connect()).unwrap();
    let rule = TokenBucket::new(Quota::per_hour(1).burst(1));
    let limiter = Redis::builder("api", rule, &connection)
        .remember_denials_for(Duration::from_secs(3_600))
        .build(FailClosed);
    let admits = |runtime: &Runtime| {
        let check = runtime.block_on(limiter.check("k", 1).into_future());
        check.expect("it is up").is_admitted()
    };
    assert!(admits(&one));
    let mut credit = Box::pin(limiter.credit("k", 1));
    assert!(
        one.block_on(async { credit.as_mut().now_or_never() })
            .is_none()
    );
    assert!(!admits(&other));
    let mut client = server.client();
    let key = "sluicegate:{api:k}:t";
    one.block_on(until("the credit is carried out", || {
        let kept: bool = redis::cmd("EXISTS").arg(key).query(&mut client).unwrap();
        std::future::ready(!kept)
    }));
    drop(credit);
    // A remembered denial is an answer without a call.
    one.block_on(until("the denial is forgotten", || {
        std::future::ready(matches!(limiter.check("k", 1), Check::Later(_)))
    }));
    assert!(admits(&other));
}

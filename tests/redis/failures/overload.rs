//! More checks than the queue holds, and checks whose callers have left.

use std::{future::ready, sync::Arc, time::Duration};

use futures_util::{future::join_all, poll};
use sluicegate::limit::{
    Counts, Decision, FailClosed, FailOpen, Local, OrElse, Policy, Quota, Redis, TokenBucket, Wait,
};
use tokio::time::timeout;

use super::{
    accounts::{Tally, charged},
    limiter, rule, stubborn,
};
use crate::{
    connection::{builder, until},
    server::Server,
};

const MANY: u64 = 10_000;

const QUEUE: u64 = 2_000;

/// In calls, beside those that wait for one.
const UNDER_WAY: u64 = 1 + 2 * 512;

/// A stopped server, and a limiter that goes on asking it.
struct Stopped<P: Policy> {
    server: Server,
    limiter: Redis<TokenBucket, P>,
    counts: Arc<Counts>,
}

impl<P: Policy<Error: Send>> Stopped<P> {
    async fn with(policy: P) -> Self {
        let server = Server::start();
        // Long enough for all to ask before the first has waited for too long.
        let builder = builder(server.url()).timeout(Duration::from_secs(1));
        let connection = stubborn(builder).connect().await.unwrap();
        let counts = Arc::new(Counts::default());
        let limiter = Redis::builder("api", rule(), &connection).queue(QUEUE as usize);
        let limiter = limiter.observe(counts.clone()).build(policy);
        limiter.check("k", 1).await.expect("it is up");
        server.stop();
        Self {
            server,
            limiter,
            counts,
        }
    }

    /// Returns the results of this many concurrent checks, each in a task.
    async fn ask_by_many(&self) -> Vec<Result<Decision, P::Error>> {
        let tasks = (0..MANY).map(|_| tokio::spawn(self.limiter.check("k", 1)));
        let tasks: Vec<_> = tasks.collect();
        let answers = timeout(Duration::from_secs(20), join_all(tasks)).await;
        let answers = answers.expect("all are answered");
        let counts = self.limiter.counts();
        assert!(counts.overloaded >= MANY - QUEUE - UNDER_WAY, "{counts:?}");
        assert_eq!(counts.fell_back, MANY);
        assert_eq!(self.counts.snapshot().fell_back, MANY);
        answers.into_iter().map(Result::unwrap).collect()
    }
}

fn admitted<E>(answers: Vec<Result<Decision, E>>) -> usize {
    let admitted = |answer: &Result<Decision, E>| answer.as_ref().is_ok_and(Decision::is_admitted);
    answers.iter().filter(|answer| admitted(answer)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_a_stopped_server_are_refused() {
    let stopped = Stopped::with(FailClosed).await;
    let tally = Tally::default();
    for answer in stopped.ask_by_many().await {
        assert!(answer.is_err());
        tally.add(1, &answer);
    }
    stopped.server.go_on();
    let limiter = &stopped.limiter;
    until("Redis answers", || async {
        limiter.peek("k").await.is_ok()
    })
    .await;
    // One was admitted before the server stopped.
    tally.explains(charged(limiter, "k").await - 1);
    // And the queue is as good as new.
    let overloaded = limiter.counts().overloaded;
    for _ in 0..3 {
        let answers = join_all((0..QUEUE).map(|_| limiter.check("k", 1))).await;
        answers.iter().for_each(|answer| tally.add(1, answer));
        tally.explains(charged(limiter, "k").await - 1);
    }
    assert_eq!(limiter.counts().overloaded, overloaded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_a_stopped_server_pass() {
    let stopped = Stopped::with(FailOpen).await;
    assert_eq!(admitted(stopped.ask_by_many().await), MANY as usize);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_a_stopped_server_are_limited_by_the_share() {
    let share = TokenBucket::new(Quota::per_hour(1).burst(100));
    let stopped = Stopped::with(OrElse(Local::keyed(share))).await;
    assert_eq!(admitted(stopped.ask_by_many().await), 100);
}

/// So that a server that goes on finds what was asked while it was stopped.
async fn until_called(limiter: &Redis<TokenBucket, FailClosed>, calls: u64) {
    let sent = || ready(limiter.counts().calls >= calls);
    until("calls are under way", sent).await;
}

#[tokio::test]
async fn checks_that_are_dropped_under_way_are_charged_once_at_most() {
    let server = Server::start();
    let (_, limiter) = limiter(builder(server.url())).await;
    for round in 1..=5 {
        let before = limiter.counts();
        server.stop();
        let mut checks: Vec<_> = (0..QUEUE).map(|_| limiter.check("dropped", 1)).collect();
        for check in &mut checks {
            assert!(poll!(check).is_pending());
        }
        until_called(&limiter, before.calls + 3).await;
        drop(checks);
        server.go_on();
        assert!(limiter.check("k", 1).await.unwrap().is_admitted());
        let sent = limiter.counts().requests - before.requests - 1;
        assert!(sent <= UNDER_WAY, "{sent} were asked, most for nobody");
        assert_eq!(charged(&limiter, "k").await, round);
        assert!(charged(&limiter, "dropped").await <= round * UNDER_WAY);
    }
}

#[tokio::test]
async fn a_place_that_is_dropped_while_it_is_booked_is_given_back() {
    let server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    let rule = TokenBucket::new(Quota::per_hour(2));
    let limiter = Redis::new("api", rule, &connection, FailClosed);
    limiter.check("k", 2).await.unwrap();
    let whole_after = async || {
        let reset = limiter.peek("k").await.unwrap().reset_after();
        (reset.as_secs_f64() / 1_800.0).round() as u64
    };
    for _ in 0..5 {
        let calls = limiter.counts().calls;
        server.stop();
        let max_wait = Wait::up_to(Duration::from_secs(7_200));
        let mut place = limiter.until_ready("k", 1, max_wait);
        assert!(poll!(&mut place).is_pending());
        until_called(&limiter, calls + 1).await;
        drop(place);
        server.go_on();
        until("it is given back", || async { whole_after().await == 2 }).await;
    }
}

/// After a denial it does not call Redis until it may pass, whatever happens in
/// between.
#[tokio::test]
async fn a_remembered_denial_passes_in_an_outage_and_after_it() {
    let mut server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    let rule = TokenBucket::new(Quota::per_second(5).burst(1));
    let limiter = Redis::new("api", rule, &connection, FailClosed);
    let denied = || async { limiter.check("k", 1).await.unwrap().is_denied() };
    until("it is denied", denied).await;
    server.kill();
    until("the denial is over", || async {
        limiter.check("k", 1).await.is_err()
    })
    .await;
    server.restart();
    until("Redis admits", || async {
        let answer = limiter.check("k", 1).await;
        answer.is_ok_and(|decision| decision.is_admitted())
    })
    .await;
    until("Redis denies", denied).await;
    until("and admits", || async { !denied().await }).await;
}

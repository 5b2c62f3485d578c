//! The decision of each policy while Redis does not answer: for a caller, and for
//! a request behind the layer.

use std::{convert::Infallible, future::ready, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request, routing::get};
use futures_util::future::join_all;
use http::{
    Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use sluicegate::{
    key,
    limit::{
        Cost, Counts, FailClosed, FailOpen, Local, OrElse, Policy, Quota, RateLimitLayer, Redis,
        TokenBucket, Wait,
    },
    redis::{Connection, ErrorKind},
};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneService};

use super::limiter;
use crate::{
    connection::{builder, until},
    server::Server,
};

const OK: StatusCode = StatusCode::OK;
const REFUSED: StatusCode = StatusCode::TOO_MANY_REQUESTS;
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// As `builder` has it.
const PROBE_EVERY: Duration = Duration::from_millis(20);

type Service = BoxCloneService<Request, Response<Body>, Infallible>;

/// At most five an hour, on a server of its own, with a router and a plain
/// service behind it.
struct Limited<P: Policy> {
    server: Server,
    connection: Connection,
    limiter: Redis<TokenBucket, P>,
    counts: Arc<Counts>,
    services: [Service; 2],
}

impl<P: Policy> Limited<P> {
    async fn by(policy: P) -> Self {
        let server = Server::start();
        let connection = builder(server.url()).connect().await.unwrap();
        let counts = Arc::new(Counts::default());
        let rule = TokenBucket::new(Quota::per_hour(5));
        let limiter = Redis::builder("api", rule, &connection);
        let limiter = limiter.observe(counts.clone()).build(policy);
        let layer = RateLimitLayer::new(limiter.clone())
            .key(key::header("x-user"))
            .cost(cost)
            .observe(counts.clone());
        let router = Router::new().route("/", get(async || ()));
        let plain = service_fn(|_: Request| ready(Ok(Response::new(Body::empty()))));
        let services = [
            BoxCloneService::new(router.layer(layer.clone())),
            BoxCloneService::new(layer.layer(plain)),
        ];
        Self {
            server,
            connection,
            limiter,
            counts,
            services,
        }
    }

    /// Returns the responses of both services to this user.
    async fn ask(&self, user: &str, cost: Cost) -> [Response<Body>; 2] {
        let asked = self.services.iter().enumerate().map(|(place, service)| {
            let request =
                Request::get(format!("/?{cost}")).header("x-user", format!("{user}{place}"));
            let request = request.body(Body::empty()).unwrap();
            service.clone().oneshot(request)
        });
        let answers = join_all(asked).await.into_iter().map(Result::unwrap);
        answers.collect::<Vec<_>>().try_into().unwrap()
    }

    async fn statuses(&self, user: &str, cost: Cost) -> [StatusCode; 2] {
        self.ask(user, cost).await.map(|response| response.status())
    }

    /// So many checks fell back by now.
    fn fell_back(&self, times: u64) {
        assert_eq!(self.limiter.counts().fell_back, times);
        assert_eq!(self.counts.snapshot().fell_back, times);
    }

    /// Redis decides again: a full bucket has five.
    async fn recovers(&mut self) {
        self.server.restart();
        let closed = || async {
            let _ = self.limiter.peek("k").await;
            self.connection.stats().closed > 0
        };
        until("the breaker closes", closed).await;
        let fell_back = self.limiter.counts().fell_back;
        for expected in [OK, OK, OK, OK, OK, REFUSED] {
            assert_eq!(self.statuses("later", 1).await, [expected; 2]);
        }
        self.fell_back(fell_back);
    }
}

fn cost(request: &Request) -> Cost {
    let said = request.uri().query();
    said.map_or(1, |cost| cost.parse().unwrap())
}

#[tokio::test]
async fn fail_open_lets_pass_what_an_unseen_bucket_would() {
    let mut limited = Limited::by(FailOpen).await;
    limited.server.kill();
    for _ in 0..20 {
        assert_eq!(limited.statuses("ann", 1).await, [OK; 2]);
        assert_eq!(limited.statuses("ann", 5).await, [OK; 2]);
        assert_eq!(limited.statuses("ann", 6).await, [REFUSED; 2]);
    }
    limited.fell_back(120);
    let unseen = limited.limiter.check("k", 2).await.unwrap();
    assert_eq!((unseen.limit(), unseen.remaining()), (5, 3));
    let waits = Wait::up_to(Duration::from_secs(9_999));
    let ready = limited.limiter.until_ready("k", 5, waits).await.unwrap();
    assert!(ready.is_admitted() && ready.retry_after().is_none());
    let never = limited.limiter.until_ready("k", 6, waits).await.unwrap();
    assert!(never.is_denied() && never.retry_after().is_none());
    let (taken, _) = limited.limiter.check_up_to("k", 9).await.unwrap();
    assert_eq!(taken, 5);
    limited.fell_back(124);
    let counts = limited.counts.snapshot();
    assert_eq!(
        (counts.admitted, counts.refused, counts.failed),
        (80, 40, 0)
    );
    limited.recovers().await;
}

/// While the breaker is closed, the next call is worth a timeout; once it is open,
/// a probe.
#[tokio::test]
async fn fail_closed_says_when_to_ask_again() {
    let server = Server::start();
    let (timeout, every) = (Duration::from_millis(2_500), Duration::from_secs(3_600));
    let connection = builder(server.url()).timeout(timeout).breaker(1, every);
    let connection = connection.connect().await.unwrap();
    let rule = TokenBucket::new(Quota::per_hour(5));
    let limiter = Redis::new("api", rule, &connection, FailClosed);
    let layer = RateLimitLayer::new(limiter.clone()).key(key::header("x-user"));
    let plain = service_fn(|_: Request| ready(Ok::<_, Infallible>(Response::new(Body::empty()))));
    let service = layer.layer(plain);
    drop(server);
    let error = limiter.check("k", 1).await.unwrap_err();
    assert_ne!(error.kind(), ErrorKind::CircuitOpen, "it was asked");
    let request = |grpc: bool| {
        let request = Request::get("/").header("x-user", "ann");
        let request = match grpc {
            true => request.header(CONTENT_TYPE, "application/grpc"),
            false => request,
        };
        request.body(Body::empty()).unwrap()
    };
    let answer = service.clone().oneshot(request(false)).await.unwrap();
    assert_eq!(answer.status(), UNAVAILABLE);
    assert_eq!(answer.headers()[RETRY_AFTER], "3600");
    let answer = service.oneshot(request(true)).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "14");
    assert_eq!(answer.headers()["grpc-retry-pushback-ms"], "3600000");
}

#[tokio::test]
async fn fail_closed_answers_503_and_tells_why() {
    let mut limited = Limited::by(FailClosed).await;
    limited.server.kill();
    for _ in 0..20 {
        for response in limited.ask("ann", 1).await {
            assert_eq!(response.status(), UNAVAILABLE);
            let headers = response.headers();
            assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
            assert!(!headers.contains_key("ratelimit"));
            // A timeout, or the rest of a probe, in whole seconds.
            let told = headers[RETRY_AFTER].to_str().unwrap();
            assert!(["15", "1"].contains(&told), "{told}");
        }
    }
    limited.fell_back(40);
    assert_eq!(limited.counts.snapshot().failed, 40);
    let error = limited.limiter.check("k", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CircuitOpen);
    assert_eq!(error.retry_after(), Some(PROBE_EVERY));
    let error = limited.limiter.check_up_to("k", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CircuitOpen);
    assert_eq!(error.retry_after(), Some(PROBE_EVERY));
    limited.fell_back(42);
    limited.recovers().await;
}

#[tokio::test]
async fn or_else_limits_by_the_share() {
    let share = TokenBucket::new(Quota::per_hour(3));
    let mut limited = Limited::by(OrElse(Local::keyed(share))).await;
    // While Redis answers, the share is left alone.
    for expected in [OK, OK, OK, OK, OK, REFUSED] {
        assert_eq!(limited.statuses("ann", 1).await, [expected; 2]);
    }
    limited.fell_back(0);
    limited.server.kill();
    for user in ["bob", "cid"] {
        for expected in [OK, OK, OK, REFUSED, REFUSED] {
            assert_eq!(limited.statuses(user, 1).await, [expected; 2]);
        }
    }
    limited.fell_back(20);
    let decision = limited.limiter.check("k", 1).await.unwrap();
    assert_eq!((decision.limit(), decision.remaining()), (3, 2));
    let (taken, _) = limited.limiter.check_up_to("k", 9).await.unwrap();
    assert_eq!(taken, 2);
    limited.recovers().await;
}

#[tokio::test]
async fn or_else_has_callers_wait_for_the_share() {
    let server = Server::start();
    let connection = builder(server.url()).connect().await.unwrap();
    let rule = TokenBucket::new(Quota::per_hour(1));
    let share = TokenBucket::new(Quota::per_second(200).burst(1));
    let limiter = Redis::new("api", rule, &connection, OrElse(Local::keyed(share)));
    drop(server);
    let max_wait = Wait::up_to(Duration::from_secs(20));
    let turns = join_all((0..10).map(|_| limiter.until_ready("k", 1, max_wait))).await;
    assert!(
        turns
            .iter()
            .all(|turn| turn.as_ref().unwrap().is_admitted())
    );
    assert_eq!(limiter.counts().fell_back, 10);
}

/// The server answers everyone else, and sees nothing of these checks.
#[tokio::test]
async fn a_server_that_is_not_asked_is_not_asked() {
    let server = Server::start();
    let rarely = builder(server.url()).breaker(3, Duration::from_secs(3_600));
    let (connection, limiter) = limiter(rarely).await;
    limiter.check("k", 1).await.unwrap();
    let mut client = server.client();
    let mut replica_of = |place: [&str; 2]| {
        let mut order = redis::cmd("REPLICAOF");
        order.arg(&place).exec(&mut client).unwrap();
    };
    replica_of(["127.0.0.1", "1"]);
    until("the breaker opens", || async {
        let error = limiter.check("k", 1).await.unwrap_err();
        error.kind() == ErrorKind::CircuitOpen
    })
    .await;
    replica_of(["NO", "ONE"]);
    let (shut, calls) = (connection.stats().circuit_open, calls(&server));
    let answers = join_all((0..1_000).map(|_| limiter.check("k", 1))).await;
    for answer in answers {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::CircuitOpen);
    }
    assert_eq!(connection.stats().circuit_open, shut + 1_000);
    assert_eq!(self::calls(&server), calls);
    assert_eq!(limiter.counts().calls, 4);
}

/// Calls of scripts that came to the server.
fn calls(server: &Server) -> Vec<String> {
    let mut info = redis::cmd("INFO");
    let info: String = info
        .arg("commandstats")
        .query(&mut server.client())
        .unwrap();
    let calls = info.lines().filter(|line| line.contains("_eval"));
    calls.map(str::to_owned).collect()
}

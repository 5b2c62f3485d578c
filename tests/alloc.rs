//! Counts allocations and bytes on the heap: a decision allocates nothing.
//!
//! It is a binary without a test harness, because the harness has a thread whose
//! allocations would be counted too.

#![allow(clippy::unwrap_used, reason = "a missing value fails the test")]

use std::{
    alloc::System,
    convert::Infallible,
    future::ready,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    routing::{Route, future::RouteFuture, get},
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use sluicegate::{
    client::RetryLayer,
    clock::Manual,
    concurrency::{self, Adaptive, Ask, ConcurrencyLayer, Entry, Queue, WorkEnd},
    deadline::{self, EnforceDeadlineLayer, Event, Form, PropagateDeadlineLayer},
    drain::Drain,
    idempotency::{
        self, Claim, ClaimRequest, Fingerprint, IdempotencyLayer, LeaseStatus, Record, RecordError,
        Scope, Store, Takeover, Token,
    },
    key::{self, ClientIp, KeyExt},
    limit::{
        All, Check, Counts, FixedWindow, Keyed, LeakyBucket, Local, Observe, Quota, RateLimit,
        RateLimitLayer, Rule, SlidingWindow, TokenBucket, Word,
    },
    red::{self, RecordRouteLayer, RedCallLayer, RedLayer, Registry},
    refusal::{Answer, BoxError, Headers},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::Runtime;
use tower::{Layer, Service, layer::layer_fn, service_fn};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Returns the number of allocations and reallocations of `work`.
fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(HEAP);
    work();
    let change = region.change();
    change.allocations + change.reallocations
}

/// Returns how many bytes `work` leaves allocated.
fn growth<T>(work: impl FnOnce() -> T) -> (isize, T) {
    let region = Region::new(HEAP);
    let kept = work();
    let change = region.change();
    let taken = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    (taken + change.bytes_reallocated, kept)
}

fn keyed<R: Rule>(rule: R) -> Local<R, Keyed, Manual> {
    Local::builder(rule).clock(Manual::new()).keyed()
}

fn main() {
    let quota = Quota::per_minute(50);
    decisions_allocate_nothing(TokenBucket::new(quota));
    decisions_allocate_nothing(LeakyBucket::meter(quota));
    decisions_allocate_nothing(LeakyBucket::new(quota));
    decisions_allocate_nothing(SlidingWindow::new(quota));
    decisions_allocate_nothing(FixedWindow::new(quota));
    several_limits_allocate_nothing();
    a_hold_takes_one_allocation_and_its_settlement_none();
    a_layer_adds_no_allocation_to_what_it_admits(Arc::new(Counts::default()));
    a_layer_adds_no_allocation_to_what_it_admits(Arc::new(Registry::new()));
    a_limit_takes_at_most_64_bytes_beside_the_inner_future();
    events_of_deadlines_allocate_nothing();
    a_deadline_takes_at_most_two_allocations_and_none_is_free();
    a_deadline_takes_at_most_256_bytes_beside_the_inner_future();
    counting_a_request_takes_no_allocation_but_the_body_that_axum_boxes();
    a_drain_takes_no_allocation_for_a_request();
    a_series_takes_at_most_a_kibibyte();
    a_table_takes_24_bytes_for_each_key_and_never_more();
    a_free_permit_takes_no_allocation();
    a_concurrency_layer_adds_no_allocation_to_a_free_permit();
    a_key_that_is_in_use_takes_less_than_a_kibibyte();
    an_idempotency_record_takes_at_most_256_bytes_beside_its_own();
    a_request_without_an_idempotency_key_adds_no_allocation();
    a_call_that_succeeds_takes_one_allocation_to_be_sent_again();
    a_service_of_each_layer_is_made_and_cloned_without_an_allocation();
    a_record_of_made_up_lengths_takes_no_memory();
}

fn a_hold_takes_one_allocation_and_its_settlement_none() {
    let limiter = keyed(TokenBucket::new(Quota::per_minute(5_000)));
    limiter.hold("ann", 1).unwrap().keep();
    for actual in [0, 1, 2, 3] {
        let mut hold = None;
        let taken = allocations(|| hold = limiter.hold("ann", 2).ok());
        assert_eq!(taken, 1);
        let hold = hold.unwrap();
        assert_eq!(allocations(|| hold.settle(actual)), 0);
    }
    let denied = allocations(|| assert!(limiter.hold("ann", 6_000).is_err()));
    assert_eq!(denied, 0);
}

/// Covers admissions and denials, for known and new keys.
fn decisions_allocate_nothing<R: Rule<State = Word>>(rule: R) {
    let with_keys = keyed(rule.clone());
    let without = Local::builder(rule).clock(Manual::new()).direct();
    with_keys.check("warm", 1);
    without.check(1);
    let mut admitted = 0;
    let allocated = allocations(|| {
        for n in 0..200_u64 {
            let name = if n % 2 == 0 { "ann" } else { "bob" };
            let decisions = [
                with_keys.check(name, 1),
                with_keys.check(&n, 1),
                with_keys.check(&7_u64, 1),
                with_keys.peek(name),
                without.check(1),
                without.check_up_to(1).1,
            ];
            admitted += decisions.iter().filter(|it| it.is_admitted()).count();
            with_keys.credit("cara", 1);
            with_keys.debit("cara", 1);
        }
        with_keys.reset("ann");
    });
    assert!((400..1_000).contains(&admitted), "some of each: {admitted}");
    assert_eq!(allocated, 0, "{with_keys:?}");
}

/// Covers admissions, and denials by the last limit.
fn several_limits_allocate_nothing() {
    let one = keyed(TokenBucket::new(Quota::per_minute(900)));
    let queue = keyed(LeakyBucket::new(Quota::per_minute(900)));
    let last = keyed(SlidingWindow::new(Quota::per_minute(50)));
    let limiter = All((one.clone(), queue, one, last));
    let mut admitted = 0;
    let allocated = allocations(|| {
        for _ in 0..100 {
            let Check::Now(decision) = limiter.check(&("ann", "ann", "bob", "ann"), 1) else {
                unreachable!("all limits are local");
            };
            admitted += usize::from(decision.is_admitted());
        }
    });
    assert_eq!((admitted, allocated), (50, 0));
}

/// A call without headers, and one with headers, a body and an address whose
/// parts were never copied.
fn a_call_that_succeeds_takes_one_allocation_to_be_sent_again() {
    type Call = Request<Full<Bytes>>;
    let prompt =
        || service_fn(|_: Call| ready(Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))));
    let get = || {
        Request::get("http://server/things")
            .body(Full::default())
            .unwrap()
    };
    let post = |path: &str| {
        let body = Full::new(Bytes::from_static(b"a thing"));
        let req = Request::post(path.to_owned()).header("accept", "text/plain");
        let req = req
            .header("x-trace", "17".to_owned())
            .header("idempotency-key", "a".repeat(40));
        req.body(body).unwrap()
    };
    // As those of tonic's generated clients. Their map and each of them is copied.
    let extended = || {
        let mut req = post("/things");
        req.extensions_mut().insert("/shop.Things/Get");
        req
    };
    let calls: [(&str, &dyn Fn() -> Call, usize); 4] = [
        ("GET", &get, 0),
        ("POST", &|| post("http://server/things"), 1),
        ("POST to a path", &|| post("/things"), 1),
        ("POST with an extension", &extended, 4),
    ];
    for (name, call, most) in calls {
        let (mut client, mut bare) = (RetryLayer::new().layer(prompt()), prompt());
        let one = |send: &mut dyn FnMut(Call)| allocations(|| send(call()));
        let mut send = |req| drop(client.call(req).now_or_never().unwrap().unwrap());
        one(&mut send);
        let retried = one(&mut send);
        let alone = one(&mut |req| drop(bare.call(req).now_or_never().unwrap().unwrap()));
        assert_eq!(retried - alone, most, "{name}");
    }
}

fn request() -> Request<()> {
    let mut request = Request::new(());
    let peer = SocketAddr::from(([192, 0, 2, 1], 4_711));
    request.extensions_mut().insert(peer);
    request
}

/// Returns the allocations of these calls, all of which are admitted.
fn calls<S>(service: &mut S, requests: Vec<Request<()>>) -> usize
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    allocations(|| {
        for request in requests {
            let answer = service.call(request).now_or_never().unwrap();
            assert_eq!(answer.unwrap().status(), StatusCode::OK);
        }
    })
}

fn a_layer_adds_no_allocation_to_what_it_admits(observer: Arc<dyn Observe>) {
    let mut bare = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(()))));
    let requests = || (0..100).map(|_| request()).collect::<Vec<_>>();
    let layer = RateLimitLayer::new(keyed(TokenBucket::new(Quota::per_second(1).burst(500))))
        .key(ClientIp::peer())
        .observe(observer)
        .refuse_with(Answer::new().headers(Headers::None));
    let mut limited = layer.layer(bare);
    // The first request allocates the counters.
    calls(&mut limited, vec![request()]);
    let of_the_bare = calls(&mut bare, requests());
    assert_eq!(calls(&mut limited, requests()), of_the_bare);

    let waiting = layer.wait(sluicegate::limit::Wait::up_to(Duration::MAX));
    let mut limited = waiting.layer(bare);
    assert_eq!(calls(&mut limited, requests()), of_the_bare);
}

/// Takes and drops permits, of the same key and of others in turn.
fn a_free_permit_takes_no_allocation() {
    let queue = Queue::new(10);
    let direct = concurrency::Local::builder(10).queue(queue).build();
    let keyed = concurrency::Local::builder(10).queue(queue).build_keyed();
    let adaptive = concurrency::Local::adaptive(Adaptive::gradient());
    let median = concurrency::Local::adaptive(Adaptive::gradient().percentile(0.5));
    let take = |nth: u64| {
        let entries = [
            direct.acquire(Ask::new()),
            keyed.acquire("hot", Ask::new()),
            keyed.acquire(&(nth % 4), Ask::new()),
            adaptive.acquire(Ask::new()),
            median.acquire(Ask::new()),
        ];
        for entry in entries {
            let Entry::Admitted(permit) = entry else {
                panic!("a permit was free: {entry:?}");
            };
            permit.end(WorkEnd::Whole);
        }
    };
    // The first permits allocate the gates of the keys.
    (0..4).for_each(take);
    assert_eq!(allocations(|| (0..100).for_each(take)), 0);
    assert_eq!(keyed.keys_in_use(), 0);
}

fn a_concurrency_layer_adds_no_allocation_to_a_free_permit() {
    let body = Bytes::from_static(b"hello");
    let mut bare = service_fn(move |_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::new(body.clone()))))
    });
    let requests = || (0..100).map(|_| request()).collect::<Vec<_>>();
    let of_the_bare = calls_to_the_end(&mut bare, requests());
    let direct = ConcurrencyLayer::new(concurrency::Local::new(10));
    let mut limited = direct.layer(bare.clone());
    assert_eq!(calls_to_the_end(&mut limited, requests()), of_the_bare);
    let adaptive = concurrency::Local::adaptive(Adaptive::gradient().percentile(0.5));
    let mut limited = ConcurrencyLayer::new(adaptive).layer(bare.clone());
    assert_eq!(calls_to_the_end(&mut limited, requests()), of_the_bare);
    let keyed = ConcurrencyLayer::new(concurrency::Local::keyed(10)).key(ClientIp::peer());
    let mut limited = keyed.layer(bare);
    // The first request of a key allocates its gate.
    calls_to_the_end(&mut limited, vec![request()]);
    assert_eq!(calls_to_the_end(&mut limited, requests()), of_the_bare);
}

/// Returns the allocations of these calls, up to the ends of their bodies.
fn calls_to_the_end<S, B>(service: &mut S, requests: Vec<Request<()>>) -> usize
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes, Error = Infallible> + Unpin,
{
    allocations(|| {
        for request in requests {
            let response = service.call(request).now_or_never().unwrap().unwrap();
            let mut body = response.into_body();
            while let Some(frame) = body.frame().now_or_never().unwrap() {
                assert_eq!(frame.unwrap().into_data().unwrap().len(), 5);
            }
        }
    })
}

/// Measured over many keys, with the table that holds them.
fn a_key_that_is_in_use_takes_less_than_a_kibibyte() {
    let keyed = concurrency::Local::builder(10)
        .queue(Queue::new(10))
        .build_keyed();
    let (taken, permits) = growth(|| {
        let take = |key: u32| keyed.acquire(&key, Ask::new());
        (0..10_000).map(take).collect::<Vec<_>>()
    });
    let each = taken / 10_000;
    println!("a key with a permit in flight takes {each} bytes");
    assert!(each < 1_024, "{each} bytes");
    let (left, ()) = growth(|| drop(permits));
    let kept = (taken + left) / 10_000;
    assert!(kept < 40, "{kept} bytes for each key that was in use");
}

/// The future of a service with a limit for each client.
type Limited<S> = <RateLimit<S, Local<TokenBucket>, ClientIp> as Service<Request<Body>>>::Future;

/// A router moves the future of each layer, and boxes it.
fn a_limit_takes_at_most_64_bytes_beside_the_inner_future() {
    let outer = size_of::<Limited<Route>>();
    let inner = size_of::<RouteFuture<Infallible>>();
    assert!(outer - inner <= 64, "{} bytes more", outer - inner);
    println!(
        "a limit takes {} bytes beside the inner future",
        outer - inner
    );
}

fn events_of_deadlines_allocate_nothing() {
    let metrics = Registry::new();
    let left = Some(Duration::from_millis(30));
    let allocated = allocations(|| {
        for event in [Event::Entered(left), Event::Entered(None), Event::Rejected] {
            deadline::Observe::noticed(&metrics, &event);
        }
    });
    assert_eq!(allocated, 0);
    assert_eq!(metrics.snapshot().deadlines().unwrap().with(), 1);
}

/// Sends requests, and reads the response bodies to their end.
async fn answered<S, B>(service: &mut S, requests: Vec<Request<()>>)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    for request in requests {
        let Ok(response) = service.call(request).await;
        let mut body = response.into_body();
        assert_eq!(
            body.frame().await.unwrap().unwrap().into_data().unwrap(),
            "x"
        );
    }
}

/// Yields once before it returns a response with a body.
async fn late(_: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    tokio::task::yield_now().await;
    Ok(Response::new(Full::from("x")))
}

/// Returns the allocations of a hundred requests, after a hundred others that start
/// the tasks.
fn allocated<S, B>(runtime: &Runtime, service: &mut S) -> usize
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    let requests = || (0..100).map(|_| request()).collect::<Vec<_>>();
    runtime.block_on(answered(service, requests()));
    let requests = requests();
    allocations(|| runtime.block_on(answered(service, requests)))
}

fn a_deadline_takes_at_most_two_allocations_and_none_is_free() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().build().unwrap();
    let mut bare = service_fn(late);
    let of_the_bare = allocated(&runtime, &mut bare);
    let layer = EnforceDeadlineLayer::new()
        .maximum(Duration::from_secs(60))
        .observe(Arc::new(deadline::Counts::default()));
    assert_eq!(allocated(&runtime, &mut layer.layer(bare)), of_the_bare);

    let layer = layer.default_timeout(Duration::from_secs(60));
    let with_deadlines = allocated(&runtime, &mut layer.layer(bare));
    // One for the extension, one for the body with a deadline.
    assert_eq!(with_deadlines, of_the_bare + 200);
}

fn a_deadline_takes_at_most_256_bytes_beside_the_inner_future() {
    let (request, mut bare) = (request(), service_fn(late));
    let inner = size_of_val(&bare.call(Request::new(())));
    let layer = EnforceDeadlineLayer::new();
    let outer = size_of_val(&layer.layer(bare).call(request));
    assert!(outer - inner <= 256, "{} bytes more", outer - inner);
    println!(
        "a deadline takes {} bytes beside the inner future",
        outer - inner
    );
}

fn a_drain_takes_no_allocation_for_a_request() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().build().unwrap();
    let mut bare = service_fn(late);
    let of_the_bare = allocated(&runtime, &mut bare);
    let layer = Drain::new().layer();
    assert_eq!(allocated(&runtime, &mut layer.layer(bare)), of_the_bare);
    let (inner, tracked) = (bare.call(request()), layer.layer(bare).call(request()));
    let more = size_of_val(&tracked) - size_of_val(&inner);
    assert!(more <= 160, "{more} bytes more");
    println!("a drain takes {more} bytes beside the inner future");
}

/// Returns the allocations of a hundred requests to a router, after a first one.
fn routed(router: Router) -> usize {
    // As a server does, so that the layers are not applied again for each request.
    let mut router = router.with_state(());
    let mut ask = || {
        let request = Request::get("/orders/7").body(Body::empty()).unwrap();
        let response = router.call(request).now_or_never().unwrap().unwrap();
        let whole = response.into_body().collect().now_or_never().unwrap();
        assert_eq!(whole.unwrap().to_bytes(), "x");
    };
    ask();
    allocations(|| (0..100).for_each(|_| ask()))
}

/// axum boxes the body of each layer that has a body type of its own.
fn counting_a_request_takes_no_allocation_but_the_body_that_axum_boxes() {
    let router = || Router::new().route("/orders/{id}", get(|| async { "x" }));
    let metrics = red::Registry::new();
    let counted = routed(router().layer(RedLayer::server(&metrics)));
    let idle = routed(router().layer(layer_fn(Idle)));
    assert_eq!(counted, idle + 100, "of a hundred requests");
    assert_eq!(metrics.snapshot().count(red::Outcome::Ok), 101);
}

/// An axum layer that does nothing.
#[derive(Clone)]
struct Idle<S>(S);

impl<S: Service<R>, R> Service<R> for Idle<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, req: R) -> S::Future {
        self.0.call(req)
    }
}

/// Several threads count in each series, with one status.
fn a_series_takes_at_most_a_kibibyte() {
    const SERIES: isize = 1_000;
    let metrics = red::Registry::new();
    let layer = RedLayer::client(&metrics);
    let answer =
        || service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Body::empty()))));
    let ask = |n: isize| {
        let request = Request::get(format!("http://host-{n}.example/"));
        let request = request.body(()).unwrap();
        let answer = layer.layer(answer()).call(request);
        answer.now_or_never().unwrap().unwrap();
    };
    let ask_all = || (0..SERIES).for_each(ask);
    // The first request allocates the table, which has a fixed size.
    ask(0);
    let (taken, ()) = growth(|| {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(ask_all).join().unwrap();
            }
        });
    });
    assert_eq!(metrics.snapshot().series.len(), SERIES as usize);
    let each = taken / SERIES;
    println!("a series takes {each} bytes");
    assert!(each <= 1_024, "{each} bytes");
}

fn a_table_takes_24_bytes_for_each_key_and_never_more() {
    for capacity in [1_000_000_isize, 50_000] {
        let rule = TokenBucket::new(Quota::per_minute(1));
        let (taken, limiter) = growth(|| {
            let builder = Local::builder(rule).capacity(capacity as usize);
            builder.clock(Manual::new()).keyed()
        });
        assert!((20 * capacity..=24 * capacity).contains(&taken), "{taken}");
        let (grown, ()) = growth(|| {
            for key in 0..250_000 {
                assert!(limiter.check(&key, 1).is_admitted());
            }
        });
        assert_eq!(grown, 0);
        let (forgets, full) = (limiter.forgotten() > 0, capacity < 250_000);
        assert_eq!(
            forgets, full,
            "keys are forgotten if there are more than the capacity"
        );
    }
}

/// Claims, completes and reads a record, because the first read allocates too.
fn work_once(store: &idempotency::Local<Manual>, number: u32, record: &Bytes) {
    let name = Scope::new("alloc").name(number.to_be_bytes());
    let request = ClaimRequest {
        fingerprint: Fingerprint::of("work"),
        token: Token::random(),
        lease: Duration::from_secs(30),
        keep: Duration::from_secs(86_400),
        takeover: Takeover::Rerun,
    };
    let claim = || store.claim(name, request).now_or_never().unwrap();
    assert_eq!(claim(), Ok(Claim::Run { attempt: 1 }));
    let completed = store.complete(name, request.token, record.clone(), request.keep);
    assert_eq!(completed.now_or_never(), Some(Ok(LeaseStatus::Held)));
    assert_eq!(claim(), Ok(Claim::Replay(record.clone())));
}

fn an_idempotency_record_takes_at_most_256_bytes_beside_its_own() {
    let record = Bytes::from(vec![7; 100]);
    for records in [1_000_u32, 20_000, 50_000] {
        let clock = Manual::new();
        let capacity = 356 * records as usize;
        let store = idempotency::Local::builder().capacity(capacity);
        let store = store.clock(clock.clone()).build();
        // Twice the capacity, so that records are evicted.
        let (taken, ()) = growth(|| {
            for number in 0..2 * records {
                clock.advance(Duration::from_micros(7));
                work_once(&store, number, &record);
            }
        });
        let counts = store.counts();
        assert_eq!(counts.records, u64::from(records));
        assert_eq!(counts.evicted, u64::from(records));
        let around = taken / records as isize - 100;
        assert!((128..=256).contains(&around), "{around} bytes");
        println!("{records} idempotency records take {around} bytes each beside their own");
    }
}

fn a_request_without_an_idempotency_key_adds_no_allocation() {
    let answer = |_: Request<String>| ready(Ok::<_, Infallible>(Response::new(String::new())));
    let mut bare = service_fn(answer);
    let layer = IdempotencyLayer::new(idempotency::Local::new())
        .principal(ClientIp::peer())
        .require(|req: &Request<String>| req.uri().path() == "/payments")
        .observe(Arc::new(idempotency::Counts::default()));
    let mut once = layer.layer(bare);
    let requests = || {
        let request = || Request::post("/orders").header("x-api-key", "k1");
        (0..100)
            .map(|_| request().body(String::new()).unwrap())
            .collect::<Vec<_>>()
    };
    let (of_the_bare, of_the_other) = (requests(), requests());
    let expected = allocations(|| {
        for request in of_the_bare {
            assert!(bare.call(request).now_or_never().unwrap().is_ok());
        }
    });
    let allocated = allocations(|| {
        for request in of_the_other {
            assert!(once.call(request).now_or_never().unwrap().is_ok());
        }
    });
    assert_eq!(allocated, expected);
}

/// A router applies its layers or clones its services for each request. The
/// closures own a vector, whose clone would allocate.
fn a_service_of_each_layer_is_made_and_cloned_without_an_allocation() {
    let paths = Vec::from(["/healthz".to_owned()]);
    let health = move |req: &Request<()>| paths.iter().any(|path| path == req.uri().path());
    let limiter = || keyed(TokenBucket::new(Quota::per_second(1)));
    let layer = RateLimitLayer::new(limiter())
        .key(key::header("x-api-key").or(ClientIp::peer()))
        .exempt(health.clone())
        .observe(Arc::new(Counts::default()));
    services_allocate_nothing("limit", &layer);
    let layer = ConcurrencyLayer::new(concurrency::Local::keyed(10))
        .key(key::header("x-api-key").or(ClientIp::peer()))
        .exempt(health.clone());
    services_allocate_nothing("concurrency", &layer);
    let layer = PropagateDeadlineLayer::new()
        .http_header(
            HeaderName::from_static("x-request-timeout-milliseconds"),
            Form::Millis,
        )
        .observe(Arc::new(deadline::Counts::default()));
    services_allocate_nothing("propagate", &layer);
    let layer = Drain::new().layer().exempt(health.clone());
    services_allocate_nothing("drain", &layer);
    let layer = EnforceDeadlineLayer::new()
        .exempt(health.clone())
        .headers([(HeaderName::from_static("x-time-left"), Form::Millis)]);
    services_allocate_nothing("enforce", &layer);
    services_allocate_nothing("retry", &RetryLayer::new().idempotent(|_| true));
    let metrics = red::Registry::new();
    let layer = RedLayer::server(&metrics).exempt(health.clone()).outside();
    services_allocate_nothing("red", &layer);
    let names = Vec::from(["resize".to_owned()]);
    let layer = RedCallLayer::new("resize", &metrics).classify(move |_: &Result<(), String>| {
        assert_eq!(names.len(), 1);
        red::Outcome::Ok
    });
    services_allocate_nothing("red, calls", &layer);
    services_allocate_nothing("red, routes", &RecordRouteLayer::new());
    let layer = IdempotencyLayer::new(idempotency::Local::new())
        .principal(key::header("x-api-key"))
        .require(health.clone())
        .compare_headers([HeaderName::from_static("x-tenant-of-the-request")]);
    services_allocate_nothing("idempotency", &layer);
}

fn services_allocate_nothing<L: Layer<Idle<()>, Service: Clone>>(name: &str, layer: &L) {
    let made = allocations(|| drop(layer.layer(Idle(()))));
    let service = layer.layer(Idle(()));
    let cloned = allocations(|| drop(service.clone()));
    assert_eq!((made, cloned), (0, 0), "{name}: made and cloned");
}

/// The record claims a body and a head of four gigabytes.
fn a_record_of_made_up_lengths_takes_no_memory() {
    let most = b"\xff\xff\xff\xff\x0f";
    for head in [&b"\x01\x02"[..], b"\x00\xc8\x01"] {
        let record = Bytes::from([b"SGIR\x01", head, most, &[0; 64]].concat());
        let region = Region::new(HEAP);
        let read = Record::decode(&record);
        let taken = region.change().bytes_allocated;
        assert_eq!(read, Err(RecordError::Malformed));
        assert!(taken < 2 << 20, "{taken} bytes");
    }
}

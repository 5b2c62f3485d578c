//! Helpers of these tests.

use std::{
    convert::Infallible,
    fmt,
    future::{Future, Ready, ready},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use sluicegate::{
    clock::{Manual, Tokio},
    limit::{
        Backend, Check, Cost, Decision, Direct, Keyed, Limiter, Local, Quota, RateLimitLayer, Rule,
        TokenBucket, Verdict, Wait,
    },
    refusal::BoxError,
};
use tower::{Service, ServiceExt};

pub(crate) type Req = Request<String>;
pub(crate) type Res = Response<String>;

/// A service that panics when it is called without having been asked whether
/// it is ready. Calling uses its readiness up, and a clone begins without any.
#[derive(Debug)]
pub(crate) struct Probe<E = Infallible> {
    readiness: Poll<Result<(), E>>,
    is_ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Probe {
    pub(crate) fn new() -> Self {
        Self::whose_readiness_is(Poll::Ready(Ok(())))
    }
}

impl<E> Probe<E> {
    pub(crate) fn whose_readiness_is(readiness: Poll<Result<(), E>>) -> Self {
        let (is_ready, calls) = (false, Arc::default());
        Self {
            readiness,
            is_ready,
            calls,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// How often it and its clones were called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }
}

impl<E: Clone> Clone for Probe<E> {
    fn clone(&self) -> Self {
        Self {
            readiness: self.readiness.clone(),
            is_ready: false,
            calls: self.calls.clone(),
        }
    }
}

impl<E: Clone> Service<Req> for Probe<E> {
    type Response = Res;
    type Error = E;
    type Future = Ready<Result<Res, E>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.is_ready = matches!(self.readiness, Poll::Ready(Ok(())));
        self.readiness.clone()
    }

    fn call(&mut self, req: Req) -> Self::Future {
        assert!(self.is_ready, "called without having been ready");
        self.is_ready = false;
        self.calls.fetch_add(1, Relaxed);
        ready(Ok(Response::new(req.into_body())))
    }
}

/// A limiter that always answers later, and then what it was told to.
#[derive(Clone)]
pub(crate) struct Later(Arc<dyn Fn() -> Result<Decision, BoxError> + Send + Sync>);

impl Later {
    pub(crate) fn saying(verdict: Verdict) -> Self {
        let retry_after = (verdict == Verdict::Deny).then_some(ms(1_500));
        let decision = Decision::new(verdict, 10, 4, retry_after, ms(6_000));
        Self(Arc::new(move || Ok(decision)))
    }

    pub(crate) fn failing_with(text: &'static str) -> Self {
        Self(Arc::new(move || Err(text.into())))
    }
}

impl Backend for Later {
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Decision, BoxError>> + Send>>;
}

impl<K: ?Sized> Limiter<K> for Later {
    fn name(&self, _key: &K) -> Arc<str> {
        "later".into()
    }

    fn check(&self, _key: &K, _cost: Cost) -> Check<Self::Future> {
        let decide = self.0.clone();
        Check::Later(Box::pin(async move {
            tokio::task::yield_now().await;
            decide()
        }))
    }

    fn until_ready(&self, key: &K, cost: Cost, _patience: Wait) -> Check<Self::Future> {
        self.check(key, cost)
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

/// When things happened, counted from when this was made.
#[derive(Clone)]
pub(crate) struct Journal<T> {
    start: tokio::time::Instant,
    entries: Arc<Mutex<Vec<(u64, T)>>>,
}

impl<T: Clone> Journal<T> {
    pub(crate) fn new() -> Self {
        let (start, entries) = (tokio::time::Instant::now(), Arc::default());
        Self { start, entries }
    }

    pub(crate) fn write(&self, what: T) {
        let millis = self.millis();
        self.entries.lock().unwrap().push((millis, what));
    }

    /// Milliseconds from the start to now.
    pub(crate) fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap()
    }

    /// The writes, each with its millisecond.
    pub(crate) fn entries(&self) -> Vec<(u64, T)> {
        self.entries.lock().unwrap().clone()
    }
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// 1 a minute, `burst` at once.
pub(crate) fn a_few(burst: u64) -> TokenBucket {
    TokenBucket::new(Quota::per_minute(1).burst(burst))
}

/// A limiter on a clock that stands still.
pub(crate) fn direct<R: Rule>(rule: R) -> Local<R, Direct, Manual> {
    Local::builder(rule).clock(Manual::new()).direct()
}

/// A limiter with keys, on a clock that stands still.
pub(crate) fn keyed<R: Rule>(rule: R) -> Local<R, Keyed, Manual> {
    Local::builder(rule).clock(Manual::new()).keyed()
}

/// A limiter on tokio's clock.
pub(crate) fn timed<R: Rule>(rule: R) -> Local<R, Direct, Tokio> {
    Local::builder(rule).clock(Tokio::new()).direct()
}

/// A layer over `rule` for all requests together, on a clock that stands still.
pub(crate) fn layer_of<R: Rule>(rule: R) -> RateLimitLayer<Local<R, Direct, Manual>> {
    RateLimitLayer::new(direct(rule))
}

pub(crate) fn request() -> Req {
    Request::new(String::from("hello"))
}

pub(crate) fn request_with(header: &'static str, value: &str) -> Req {
    let mut request = request();
    request.headers_mut().insert(header, value.parse().unwrap());
    request
}

/// Calls a service that cannot fail, as soon as it is ready.
pub(crate) async fn send<S>(service: &mut S, req: Req) -> Res
where
    S: Service<Req, Response = Res, Error = Infallible>,
{
    let Ok(ready) = service.ready().await;
    let Ok(response) = ready.call(req).await;
    response
}

pub(crate) async fn status<S>(service: &mut S) -> StatusCode
where
    S: Service<Req, Response = Res, Error = Infallible>,
{
    send(service, request()).await.status()
}

/// How many of `tries` requests pass.
pub(crate) async fn passing<S>(service: &mut S, tries: usize) -> usize
where
    S: Service<Req, Response = Res, Error = Infallible>,
{
    let mut passed = 0;
    for _ in 0..tries {
        passed += usize::from(status(service).await == StatusCode::OK);
    }
    passed
}

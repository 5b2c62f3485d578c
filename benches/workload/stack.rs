//! Services behind the layers of this crate and of its peers.

use std::{
    convert::Infallible,
    fmt,
    future::{Future, Ready, ready},
    mem,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, routing::get};
use governor::middleware::StateInformationMiddleware;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header::ACCEPT};
use sluicegate::{
    deadline::{Deadline, EnforceDeadlineLayer, PropagateDeadlineLayer},
    key::ClientIp,
    limit::{Local, Quota, RateLimitLayer, TokenBucket},
    red::{RedLayer, Registry},
    refusal::{Answer, Headers},
};
use tokio::runtime::Runtime;
use tower::{
    Layer, Service, ServiceBuilder,
    layer::{layer_fn, util::Identity},
    limit::RateLimitLayer as TowerLayer,
    timeout::TimeoutLayer,
    util::MapRequestLayer,
};
use tower_governor::{
    GovernorLayer,
    governor::GovernorConfigBuilder,
    key_extractor::{GlobalKeyExtractor, PeerIpKeyExtractor},
};
use tower_http::timeout::{ResponseBodyDeadlineLayer, TimeoutLayer as HttpTimeoutLayer};
use tower_resilience_ratelimiter::RateLimiterLayer;

use super::{
    red::{Nothing, axum_prometheus_layer},
    side::Side,
};

/// A service that is always ready and responds at once.
#[derive(Clone)]
pub(crate) struct Prompt;

impl Service<Request<Body>> for Prompt {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _req: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::empty())))
    }
}

/// The service behind a layer.
#[derive(Clone, Copy)]
pub(crate) enum Front {
    /// A service that responds at once.
    Prompt,
    /// An axum router with one route.
    Axum,
}

impl fmt::Display for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prompt => "a prompt service",
            Self::Axum => "an axum router",
        })
    }
}

fn router() -> Router {
    Router::new().route("/", get(|| async {}))
}

/// A service that is called again and again. A clone builds a new one, because not every
/// limited service can be cloned.
struct Called<S> {
    make: Arc<dyn Fn() -> S + Send + Sync>,
    service: S,
}

impl<S> Clone for Called<S> {
    fn clone(&self) -> Self {
        Self {
            make: self.make.clone(),
            service: (self.make)(),
        }
    }
}

fn served<S, B>(admits: bool, make: impl Fn() -> S + Send + Sync + 'static) -> Side
where
    S: Service<Request<Body>, Response = Response<B>> + Sync + 'static,
{
    asked(admits, make, request)
}

fn asked<S, B>(
    admits: bool,
    make: impl Fn() -> S + Send + Sync + 'static,
    request: impl Fn() -> Request<Body> + Sync + 'static,
) -> Side
where
    S: Service<Request<Body>, Response = Response<B>> + Sync + 'static,
{
    let make: Arc<dyn Fn() -> S + Send + Sync> = Arc::new(make);
    let called = Called {
        service: make(),
        make,
    };
    let ask = move |called: &mut Called<S>, _step: usize| answers(&mut called.service, request());
    match admits {
        true => Side::admitting(called, ask),
        false => Side::denying(called, ask),
    }
}

/// Returns whether one request from the same address succeeds.
fn passes<S, B>(service: &mut S) -> bool
where
    S: Service<Request<Body>, Response = Response<B>>,
{
    answers(service, request())
}

fn answers<S, B>(service: &mut S, request: Request<Body>) -> bool
where
    S: Service<Request<Body>, Response = Response<B>>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let is_ready = matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(())));
    assert!(is_ready, "a service of a bench is always ready");
    let response = pin!(service.call(request));
    match response.poll(&mut cx) {
        Poll::Ready(Ok(response)) => response.status().is_success(),
        _ => panic!("a service of a bench responds at once"),
    }
}

/// A request as a server makes it, with the address of the peer.
fn request() -> Request<Body> {
    let mut request = Request::new(Body::empty());
    let peer = SocketAddr::from((IpAddr::from([192, 0, 2, 1]), 4711));
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

fn behind<L>(front: Front, admits: bool, layer: L) -> Side
where
    L: Layer<Prompt> + Layer<axum::routing::Route> + Clone + Send + Sync + 'static,
    <L as Layer<Prompt>>::Service:
        Service<Request<Body>, Response = Response<Body>> + Sync + 'static,
    <L as Layer<axum::routing::Route>>::Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    <<L as Layer<axum::routing::Route>>::Service as Service<Request<Body>>>::Future: Send + 'static,
{
    match front {
        Front::Prompt => served(admits, move || layer.layer(Prompt)),
        Front::Axum => served(admits, move || as_served(router().layer(layer.clone()))),
    }
}

/// The service without a limit.
pub(crate) fn bare(front: Front) -> Side {
    match front {
        Front::Prompt => served(true, || Prompt),
        Front::Axum => served(true, || as_served(router())),
    }
}

/// The router behind a layer that does nothing.
pub(crate) fn nothing() -> Side {
    served(true, || as_served(router().layer(layer_fn(Nothing))))
}

/// As `axum::serve` runs a router: otherwise axum applies the layers again for each
/// request.
fn as_served(router: Router) -> Router {
    router.with_state(())
}

/// A quota that no bench reaches.
fn plenty() -> Quota {
    Quota::per_second(1_000_000_000)
}

fn layer(quota: Quota, headers: Headers) -> RateLimitLayer<Local<TokenBucket>, ClientIp> {
    RateLimitLayer::new(Local::keyed(TokenBucket::new(quota)))
        .key(ClientIp::peer())
        .refuse_with(Answer::new().headers(headers))
}

pub(crate) fn ours(front: Front, headers: Headers) -> Side {
    behind(front, true, layer(plenty(), headers))
}

pub(crate) fn ours_without_keys(front: Front) -> Side {
    let answer = Answer::new().headers(Headers::None);
    let limiter = Local::direct(TokenBucket::new(plenty()));
    behind(
        front,
        true,
        RateLimitLayer::new(limiter).refuse_with(answer),
    )
}

/// The layers of a whole service: metrics, a deadline, and a limit with headers. It
/// must be called within a runtime.
pub(crate) fn ours_whole() -> Side {
    let metrics = Registry::new();
    let limit = layer(plenty(), Headers::Ietf);
    served(true, move || {
        let deadline = EnforceDeadlineLayer::new().default_timeout(LONG);
        let router = router().layer(limit.clone()).layer(deadline);
        as_served(router.layer(RedLayer::server(&metrics)))
    })
}

/// The same layers of other crates. It must be called within a runtime.
pub(crate) fn peers_whole() -> Side {
    let metrics = axum_prometheus_layer();
    served(true, move || {
        let timeout = HttpTimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONG);
        let router = router().layer(governor_layer_with_headers()).layer(timeout);
        as_served(router.layer(metrics.clone()))
    })
}

pub(crate) fn ours_refusing(front: Front) -> Side {
    let layer = layer(Quota::per_day(1), Headers::Ietf);
    passes(&mut layer.layer(Prompt));
    behind(front, false, layer)
}

pub(crate) fn governor(front: Front) -> Side {
    let config = GovernorConfigBuilder::default()
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .finish();
    behind(
        front,
        true,
        GovernorLayer::new(config.expect("the quota is valid")),
    )
}

pub(crate) fn governor_with_headers(front: Front) -> Side {
    behind(front, true, governor_layer_with_headers())
}

fn governor_layer_with_headers()
-> GovernorLayer<PeerIpKeyExtractor, StateInformationMiddleware, Body> {
    let mut config = GovernorConfigBuilder::default();
    let config = config
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .use_headers()
        .finish();
    GovernorLayer::new(config.expect("the quota is valid"))
}

/// One budget for all requests.
pub(crate) fn governor_without_keys(front: Front) -> Side {
    let mut config = GovernorConfigBuilder::default();
    let config = config
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .key_extractor(GlobalKeyExtractor)
        .finish();
    behind(
        front,
        true,
        GovernorLayer::new(config.expect("the quota is valid")),
    )
}

pub(crate) fn governor_refusing(front: Front) -> Side {
    let config = GovernorConfigBuilder::default()
        .per_second(86_400)
        .burst_size(1)
        .finish();
    let layer = GovernorLayer::new(config.expect("the quota is valid"));
    passes(&mut layer.layer(Prompt));
    behind(front, false, layer)
}

/// The layer of tower. Its service cannot be cloned, so a router cannot use it, and it
/// needs a timer of tokio.
pub(crate) fn tower() -> Side {
    let runtime = Runtime::new().expect("a runtime");
    served(true, move || {
        let _entered = runtime.enter();
        TowerLayer::new(u64::MAX, Duration::from_secs(1)).layer(Prompt)
    })
}

pub(crate) fn resilience() -> Side {
    let layer = RateLimiterLayer::builder()
        .limit_for_period(usize::MAX / 2)
        .refresh_period(Duration::from_secs(3_600))
        .build();
    let layer = layer.expect("the limit is valid");
    served(true, move || layer.layer(Prompt))
}

/// A call of a client with an hour left. All calls share the deadline, because making
/// one is not part of passing it on.
fn in_an_hour<L, B>(layer: L) -> Side
where
    L: Layer<Prompt> + Send + Sync + 'static,
    L::Service: Service<Request<Body>, Response = Response<B>> + Sync + 'static,
{
    let deadline = Deadline::after(HOUR);
    let call = move || {
        let mut call = Request::new(Body::empty());
        call.headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("*/*"));
        call.extensions_mut().insert(deadline);
        call
    };
    asked(true, move || layer.layer(Prompt), call)
}

const HOUR: Duration = Duration::from_secs(3_600);

/// The service without a layer.
pub(crate) fn bare_call() -> Side {
    in_an_hour(Identity::new())
}

pub(crate) fn propagating() -> Side {
    in_an_hour(PropagateDeadlineLayer::new())
}

/// The timeout of tower, which has a timer from the start and does not pass the
/// deadline on.
pub(crate) fn timing_out() -> Side {
    let runtime = Runtime::new().expect("a runtime");
    // The runtime lives as long as the bench.
    mem::forget(Box::leak(Box::new(runtime)).enter());
    in_an_hour(TimeoutLayer::new(HOUR))
}

/// The least work: reads the clock, and writes a header.
pub(crate) fn telling_by_hand() -> Side {
    static NAME: HeaderName = HeaderName::from_static("x-request-timeout");
    in_an_hour(MapRequestLayer::new(|mut call: Request<Body>| {
        let deadline: Option<&Deadline> = call.extensions().get();
        let left = deadline.expect("the request has a deadline").remaining();
        let left = HeaderValue::from(left.as_secs());
        call.headers_mut().insert(&NAME, left);
        call
    }))
}

/// The same service behind a deadline that is never reached. It must be called within a
/// runtime.
pub(crate) fn deadline() -> Side {
    let layer = EnforceDeadlineLayer::new().default_timeout(LONG);
    served(true, move || layer.layer(Prompt))
}

pub(crate) fn tower_http() -> Side {
    let layer = HttpTimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONG);
    served(true, move || layer.layer(Prompt))
}

/// The same with a deadline for the response body, too.
pub(crate) fn tower_http_with_body() -> Side {
    let layers = ServiceBuilder::new()
        .layer(ResponseBodyDeadlineLayer::new(LONG))
        .layer(HttpTimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            LONG,
        ));
    served(true, move || layers.clone().service(Prompt))
}

const LONG: Duration = Duration::from_secs(60);

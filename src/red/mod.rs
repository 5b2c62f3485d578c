//! RED metrics: rate, errors and duration of requests, for every route.
//!
//! # How it counts
//!
//! A [`RedLayer`] gives each request a guard, from when it comes to the end of its
//! response's body. What ends it first is what came of it, and is counted once:
//!
//! | [`Outcome`] | when |
//! |---|---|
//! | `ok` | it was answered, and the answer was passed on to its end |
//! | `client_error` | 4xx; of gRPC, a status that blames the caller |
//! | `server_error` | 5xx; of gRPC, UNKNOWN, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, or no status at all; an error of the service, or in a body |
//! | `cancelled` | it was dropped before there was a response, or in the body of one that is no error; of gRPC, CANCELLED |
//! | `shed` | a limit of this crate refused it, in front of the handler: a refusal that the handler got from a downstream counts by its status |
//! | `deadline` | its deadline passed; of gRPC, DEADLINE_EXCEEDED |
//! | `panic` | the service panicked, or the body did |
//!
//! **What was started is what has ended and what is in flight**: for each series,
//! for all together, and in every [`Snapshot`]. There is no gauge that could drift
//! from the counts.
//!
//! What this crate's layers refuse is told by what they leave in the response, not
//! by its status: a 429 of somebody else's is a `client_error`. Of gRPC, the status
//! is in the trailers or, if there is no body, among the headers. gRPC-Web has its
//! trailers at the end of the body. This layer reads them there, so it may be inside
//! or outside of tonic-web's layer. A gRPC answer without a status has broken off,
//! and so has an answer that ends before as many bytes as its `Content-Length` says
//! (RFC 9112, section 8). Both have the `error_type` `truncated`.
//!
//! An answer that is dropped or fails after its head keeps the status of the head in
//! the label `http_response_status_code`, whatever came of it.
//!
//! # Which label tells failures
//!
//! `outcome` does: `server_error`, `deadline` and `panic` are failures, and of
//! requests that are sent `client_error` too (see [`Outcome::is_failure`] and
//! [`Series::failed`]). A deadline that the caller chose, shorter than the server's own,
//! is told apart by the `error_type` `caller_timeout`: no [`Slo`] counts it, and neither
//! do the dashboards' rules. Apart from that `error_type` does not tell failures,
//! because requests that are cancelled or shed have one as well:
//! `dropped_before_head`, `dropped_in_body`, `over_limit`. It says why a request did
//! not end well, and is missing only where its status says enough: of a 404, for
//! example, which is no error of the server that answers it.
//!
//! # Durations
//!
//! Two durations are counted: until there is a response, and until the end of its
//! body. The body has ended when the server has taken its last frame, its trailers,
//! or as many bytes as `Content-Length` says; without one (HEAD, 204, 304, an
//! upgrade) the request ends with its head. Streams (`text/event-stream`, and gRPC
//! methods that are [known](Methods::streaming) to be some) are counted apart,
//! because how long they last says nothing of how fast the service is.
//!
//! # Labels
//!
//! A series is told apart by its [`Labels`] and what came of it. There are few:
//! the template of the route, which axum knows, or else [`Labels::UNMATCHED`]; the method,
//! if it is [known](Builder::http_methods), or else [`Labels::OTHER`]; the status. Of gRPC
//! that is received it is the method, if that is among the
//! [known ones](Builder::methods). No path, no Host, nothing that somebody sends
//! becomes a label. What is nested in axum by `nest_service` tells its route by a
//! [`RecordRouteLayer`]. A registry has room for
//! [so many series](Builder::max_series) of requests received, and for as many of
//! requests sent; those that come on top are counted together as [`Labels::OVERFLOW`].
//!
//! # HTTP or gRPC
//!
//! What a request is on decides by which names it is counted, and not what its
//! caller says of it:
//!
//! | a request that is received | is counted as |
//! |---|---|
//! | POST to a [known](Builder::methods) method of gRPC | gRPC, under the method |
//! | on a route of axum that is a service of tonic (`/pkg.Service/{*rest}`) | gRPC, if its content type is gRPC's |
//! | on any other route | HTTP, whatever its content type |
//! | on no route that is known, as all of a tonic server are | gRPC, if its content type is gRPC's |
//!
//! Of requests that are sent, those with a [`Template`] are HTTP. Content types are
//! compared without their parameters, in any case. If the answer on a route of HTTP
//! says by its own content type that it is gRPC, a status of gRPC in it counts.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use axum::{Router, body::Body, routing::get};
//! use http::Request;
//! use sluicegate::red::{Outcome, RedLayer, Registry};
//! use tower::ServiceExt;
//!
//! let metrics = Registry::new();
//! let app: Router = Router::new()
//!     .route("/orders/{id}", get(|| async { "a book" }))
//!     .layer(RedLayer::server(&metrics));
//!
//! let request = Request::get("/orders/7").body(Body::empty()).unwrap();
//! let response = app.oneshot(request).await.unwrap();
//! assert_eq!(metrics.snapshot().in_flight(), 1);
//! axum::body::to_bytes(response.into_body(), 100).await.unwrap();
//!
//! let orders = metrics.snapshot().route("/orders/{id}");
//! assert_eq!((orders.in_flight(), orders.count(Outcome::Ok)), (0, 1));
//! println!("99 % within {:?}", orders.durations().unwrap().quantile(0.99));
//! # }
//! ```
//!
//! # Custom example
//!
//! gRPC and HTTP in one server; zeros from the start, so that the first error can
//! be seen; a look-up that finds nothing is fine; calls to others are counted too:
//!
//! ```
//! use http::{Method, Request, StatusCode};
//! use sluicegate::red::{RequestEnd, Methods, Outcome, RedLayer, Registry, Status};
//!
//! let metrics = Registry::builder()
//!     .methods(Methods::new().unary("shop.Orders/Place").streaming("shop.Orders/Watch"))
//!     .max_series(5_000)
//!     .build();
//! metrics.preregister_methods();
//! let statuses = [StatusCode::CREATED, StatusCode::INTERNAL_SERVER_ERROR];
//! metrics.preregister(&Method::POST, "/orders", statuses);
//!
//! let server = RedLayer::server(&metrics)
//!     .exempt(|req: &Request<String>| req.uri().path() == "/metrics")
//!     .classify(|ended: &RequestEnd<'_>| match (ended.route(), ended.status()) {
//!         ("/orders/{id}", Some(Status::Http(404))) => Outcome::Ok,
//!         _ => ended.outcome(),
//!     });
//! let client = RedLayer::client(&metrics);
//! # let _ = (server, client);
//! ```
//!
//! # Telling others
//!
//! | who wants it | how |
//! |---|---|
//! | this program | [`Registry::snapshot`] |
//! | Prometheus | `red::prometheus` (feature `prometheus`): a handler for axum, the text, a collector |
//! | the `metrics` facade | `red::metrics` (feature `metrics`) |
//! | OpenTelemetry | `red::opentelemetry` (feature `opentelemetry`) |
//! | anything else | [`Export`], which is told of each request |
//!
//! Names and labels are those of OpenTelemetry's semantic conventions
//! ([1.44, or 1.45](Builder::conventions)), such as
//! `http.server.request.duration` (in Prometheus
//! `http_server_request_duration_seconds`); beside them the label `outcome` says
//! what [came of](Outcome) a request. The rate is that of a histogram's count, and
//! only streams are in a histogram of their own. With
//! [exemplars](Builder::exemplars), each bucket of OpenMetrics names a trace.
//!
//! # Readiness and clones
//!
//! Readiness is the inner service's; nothing is reserved in `poll_ready`. A
//! [`Registry`] is a handle: layers, services and clones of them count together.
//! To count a request allocates nothing and takes no lock; a series that is seen
//! for the first time does.
//!
//! # Cancellation
//!
//! A request that is dropped is counted as `cancelled`, whenever that is. A server
//! notices that a client has gone when it next reads from it or writes to it, and
//! hyper does not while a handler keeps its thread busy.
//!
//! # Differences from others
//!
//! * `axum-prometheus`, `axum-otel-metrics` and OpenTelemetry's Tower layer end a
//!   request with its head, and count none that is dropped before. Their durations
//!   compare to [`Snapshot::heads`], not to [`Snapshot::durations`].
//! * `axum-prometheus` falls back to the path where no route matches.
//! * `tower-http` and `linkerd2-proxy` take a gRPC answer without a status for a
//!   success.
//! * None of them reads the status of gRPC-Web, which is at the end of the body.

mod call;
mod completion_key;
mod components;
mod exemplar;
mod export;
#[cfg(feature = "redis")]
mod fleet;
mod http;
mod labels;
mod outcome;
mod registry;
mod slo;
mod snapshot;
mod status;

#[cfg(all(feature = "testing", feature = "redis"))]
#[doc(hidden)]
pub use self::components::ConnectionCounts;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use self::components::{DeadlineCounts, LimiterCounts};
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use self::export::metrics;
#[cfg(feature = "opentelemetry")]
#[cfg_attr(docsrs, doc(cfg(feature = "opentelemetry")))]
pub use self::export::opentelemetry;
#[cfg(feature = "prometheus")]
#[cfg_attr(docsrs, doc(cfg(feature = "prometheus")))]
pub use self::export::prometheus;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::fleet::redis::{self, Fleet, Redis};
pub use self::{
    call::{ClassifyResult, RedCall, RedCallFuture, RedCallLayer},
    exemplar::{TraceId, traceparent},
    export::{Conventions, Export, Metric},
    http::{
        Classify, Methods, RecordRoute, RecordRouteLayer, Red, RedLayer, RequestEnd, ResponseBody,
        Template, future,
    },
    labels::{Kind, Labels},
    outcome::{Cause, Outcome},
    registry::{Builder, Registry},
    slo::{Alert, Burn, ErrorBudget, Events, Severity, Slo, SloReport},
    snapshot::{Completion, Series, Snapshot},
    status::Status,
};
#[doc(inline)]
pub use crate::histogram::Durations;

//! RED metrics: rate, errors and duration of requests, for every route.
//!
//! # How it counts
//!
//! A [`RedLayer`] gives each request a guard, from its arrival to the end of
//! its response's body. The first thing that ends the request decides its
//! outcome, and it is counted once:
//!
//! | [`Outcome`] | when |
//! |---|---|
//! | `ok` | it was answered, and the response was passed on to its end |
//! | `client_error` | 4xx; for gRPC, a status that blames the caller |
//! | `server_error` | 5xx; for gRPC, UNKNOWN, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, or no status at all; an error of the service, or in a body |
//! | `cancelled` | it was dropped before there was a response, or in the body of a response that is not an error; for gRPC, CANCELLED |
//! | `shed` | a limit of this crate refused it, in front of the handler: a refusal that the handler got from a downstream counts by its status |
//! | `deadline` | its deadline passed; for gRPC, DEADLINE_EXCEEDED |
//! | `panic` | the service panicked, or the body did |
//!
//! **Started = ended + in flight** holds in each series, in their sum, and in
//! every [`Snapshot`]. The number in flight is computed from the counts, so it
//! cannot drift away from them.
//!
//! This crate's layers mark the responses that they refuse with, and the mark
//! decides rather than the status: a 429 of another service is a
//! `client_error`. The status of gRPC is in the trailers or, without a body,
//! among the headers. gRPC-Web has its trailers at the end of the body. This
//! layer reads them there, so it may be inside or outside of tonic-web's layer.
//! A gRPC response without a status has broken off, and so has a response with
//! fewer bytes than its `Content-Length` (RFC 9112, section 8). Both have the
//! `error_type` `truncated`.
//!
//! A response that is dropped or fails after its head keeps the status of the
//! head in the label `http_response_status_code`, whatever its outcome.
//!
//! # Which label tells failures
//!
//! Use `outcome`: `server_error`, `deadline` and `panic` are failures, and for
//! sent requests `client_error` as well (see [`Outcome::is_failure`] and
//! [`Series::failed`]). A deadline that the caller chose, shorter than the
//! server's own, has the `error_type` `caller_timeout`; neither an [`Slo`] nor
//! the dashboards' rules count it.
//!
//! Apart from that, `error_type` does not tell failures, because requests that
//! are cancelled or shed have one, too: `dropped_before_head`,
//! `dropped_in_body`, `over_limit`. It says why a request did not end well, and
//! is missing only where the status says enough: a 404, for example, is not an
//! error of the server that answers it.
//!
//! # Durations
//!
//! Two durations are counted: until there is a response, and until the end of
//! its body. The body has ended when the server has taken its last frame, its
//! trailers, or as many bytes as `Content-Length` says. Without a body (HEAD,
//! 204, 304, an upgrade) the request ends with its head. Streams
//! (`text/event-stream`, and gRPC methods that are [known](Methods::streaming)
//! to stream) have histograms of their own, because their duration does not say
//! how fast the service is.
//!
//! # Labels
//!
//! A series is identified by its [`Labels`] and by how its requests ended.
//! There are few label sets: the template of the route as axum knows it, or
//! else [`UNMATCHED`](Labels::UNMATCHED); the method if it is
//! [known](Builder::http_methods), or else [`OTHER`](Labels::OTHER); and the
//! status. For received gRPC calls it is the method, if it is among the [known
//! ones](Builder::methods). Nothing that a client can choose freely, such as a
//! path or a Host, becomes a label. A service that axum nests by `nest_service`
//! reports its route with a [`RecordRouteLayer`].
//!
//! A registry has room for [a number of series](Builder::max_series) of
//! received requests, and for as many of sent requests. All others are counted
//! together as [`OVERFLOW`](Labels::OVERFLOW).
//!
//! # HTTP or gRPC
//!
//! The route decides by which names a request is counted, not what the caller
//! claims:
//!
//! | a request that is received | is counted as |
//! |---|---|
//! | POST to a [known](Builder::methods) method of gRPC | gRPC, under the method |
//! | on a route of axum that is a service of tonic (`/pkg.Service/{*rest}`) | gRPC, if its content type is gRPC's |
//! | on any other route | HTTP, whatever its content type |
//! | without a known route, as on a tonic server | gRPC, if its content type is gRPC's |
//!
//! Sent requests with a [`Template`] are HTTP. Content types are compared
//! without their parameters, ignoring case. If the response on an HTTP route
//! says by its own content type that it is gRPC, its gRPC status counts.
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
//! gRPC and HTTP in one server, with zeros from the start so that the first
//! error can be seen; a lookup that finds nothing is fine; calls to other
//! services are counted, too:
//!
//! ```
//! use http::{Method, Request, StatusCode};
//! use sluicegate::red::{Methods, Outcome, RedLayer, Registry, RequestEnd, Status};
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
//!     .classify(|end: &RequestEnd<'_>| match (end.route(), end.status()) {
//!         ("/orders/{id}", Some(Status::Http(404))) => Outcome::Ok,
//!         _ => end.outcome(),
//!     });
//! let client = RedLayer::client(&metrics);
//! # let _ = (server, client);
//! ```
//!
//! # Exporters
//!
//! | for | use |
//! |---|---|
//! | this program | [`Registry::snapshot`] |
//! | Prometheus | `red::prometheus` (feature `prometheus`): a handler for axum, the text, a collector |
//! | the `metrics` facade | `red::metrics` (feature `metrics`) |
//! | OpenTelemetry | `red::opentelemetry` (feature `opentelemetry`) |
//! | anything else | [`Export`], which is notified of each request |
//!
//! Names and labels are those of OpenTelemetry's semantic conventions ([1.44,
//! or 1.45](Builder::conventions)), such as `http.server.request.duration` (in
//! Prometheus `http_server_request_duration_seconds`). The label `outcome` is
//! added to them. The rate is that of a histogram's count, and only streams
//! have a histogram of their own. With [exemplars](Builder::exemplars), each
//! bucket of OpenMetrics names a trace.
//!
//! # Readiness and clones
//!
//! Readiness is the inner service's; nothing is reserved in `poll_ready`. A
//! [`Registry`] is a handle: layers, services and clones of them count
//! together. Counting a request allocates nothing and takes no lock, except for
//! the first request of a series.
//!
//! # Cancellation
//!
//! A request that is dropped at any time is counted as `cancelled`. A server
//! notices that a client has gone when it next reads from the connection or
//! writes to it, and hyper does neither while a handler keeps its thread busy.
//!
//! # Differences from others
//!
//! * `axum-prometheus`, `axum-otel-metrics` and OpenTelemetry's Tower layer end
//!   a request with its head, and do not count requests that are dropped
//!   before. Their durations compare to [`Snapshot::heads`], not to
//!   [`Snapshot::durations`].
//! * `axum-prometheus` falls back to the path where no route matches.
//! * `tower-http` and `linkerd2-proxy` count a gRPC response without a status
//!   as a success.
//! * None of them reads the status of gRPC-Web, which is at the end of the
//!   body.

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
pub use self::components::{ConcurrencyCounts, DeadlineCounts, DrainCounts, LimiterCounts};
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
pub use self::fleet::redis;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
#[doc(no_inline)]
pub use self::fleet::redis::{Fleet, Redis};
pub use self::{
    call::{ClassifyResult, RedCall, RedCallFuture, RedCallLayer},
    exemplar::TraceId,
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
pub(crate) use self::{
    completion_key::CompletionKey,
    exemplar::{Exemplar, Exemplars},
    http::{Ended, ResponseEnd, on_panic, own_refusal, refusal_in},
    labels::{LabelsRef, Side},
    registry::{guard::Guard, settings::RegistrySettings},
    status::grpc,
};
#[doc(inline)]
pub use crate::histogram::Durations;

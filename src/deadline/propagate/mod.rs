//! Passes deadlines on to the services that are called, and ends calls at
//! them: the client's side of deadlines.
//!
//! # How it decides
//!
//! For each call, [`PropagateDeadlineLayer`] takes the earlier of the
//! [current](super::current) deadline and the [`Deadline`](super::Deadline) in
//! the request's extensions. It tells the callee what is left of that, less a
//! [margin](PropagateDeadlineLayer::margin) for the way back; never more than
//! [`call_max`](PropagateDeadlineLayer::call_max), and never more than the
//! request says already, as after a call of tonic's `set_timeout`.
//!
//! | the request is | it is told in |
//! |---|---|
//! | gRPC, by its content type | `grpc-timeout` |
//! | any other | `x-request-timeout`, or the [`http_header`](PropagateDeadlineLayer::http_header) |
//!
//! Timeouts in other headers stay as they are. A proxy that forwards requests
//! as they came has to remove them.
//!
//! Timeouts are rounded down, so that a callee is never told more time than
//! remains. A call without any time left is not sent.
//!
//! The layer then waits until the deadline, or as long as the request and
//! `call_max` allow, and drops the call. An [`Answer`](crate::refusal::Answer)
//! tells the caller: status 504, or for gRPC (with the feature `grpc`) status 4
//! `DEADLINE_EXCEEDED`. A request without any deadline passes unchanged.
//!
//! # Example
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use sluicegate::deadline::{self, Deadline, PropagateDeadlineLayer};
//! use tonic::transport::Endpoint;
//! use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
//! use tower::Layer;
//!
//! let channel = Endpoint::from_static("http://127.0.0.1:50051").connect_lazy();
//! let mut client = HealthClient::new(PropagateDeadlineLayer::new().layer(channel));
//!
//! // In a handler, `EnforceDeadlineLayer` has done this.
//! let request = Deadline::after(Duration::from_secs(1));
//! // The callee is told 900 ms.
//! let response = deadline::scope(request, async move {
//!     client.check(HealthCheckRequest::default()).await
//! });
//! println!("{:?}", response.await?);
//! # Ok(())
//! # }
//! ```
//!
//! # Custom example
//!
//! For a cluster of Envoys, with calls of at most two seconds, a margin of
//! exactly 25 ms, and an observer:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use http::HeaderName;
//! use sluicegate::deadline::{Counts, Form, PropagateDeadlineLayer};
//!
//! let counts = Arc::new(Counts::default());
//! let header = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");
//! let layer = PropagateDeadlineLayer::new()
//!     .call_max(Duration::from_secs(2))
//!     .fixed_margin(Duration::from_millis(25))
//!     .http_header(header, Form::Millis)
//!     .observe(counts);
//! # let _ = layer;
//! ```
//!
//! # Bodies
//!
//! The deadline also bounds the body of the response, so responses have a
//! [`ResponseBody`](body::ResponseBody). At the deadline it ends with an error,
//! or for gRPC (with the feature `grpc`) with trailers of status 4; never as if
//! it were whole. A body of known size is passed on whole if its frames are
//! there. A body of unknown size that always has a frame still ends at the
//! deadline.
//!
//! For an event stream (`text/event-stream`), only the head is bounded. Other
//! responses can be treated so, too, or bounded by the time between frames: see
//! [`covers`](PropagateDeadlineLayer::covers). A gRPC stream is bounded as a
//! whole.
//!
//! # Readiness and clones
//!
//! Readiness is the inner service's. The layer waits for it no longer than the
//! [current](super::current) deadline of the calling task and `call_max` allow:
//! then the service is ready to refuse the call, and the inner one is not
//! called. A deadline that only the request has, in its extensions or headers,
//! is unknown at that time: run such a call in a [`scope`](super::scope), or
//! set a `call_max`.
//!
//! Nothing is reserved in `poll_ready`. A service must be `Clone` to be
//! wrapped: a call that is not sent drops the ready service and its place in a
//! queue. The remaining time is computed for each call, so put the layer inside
//! of a retry. Put it outside of layers that call from another task, such as
//! `tower::buffer`, because the current deadline is unknown there.
//!
//! # Cancellation
//!
//! At the deadline, the inner future, or the body, is dropped before the caller
//! is told; HTTP/2 then resets the stream. A call that its caller drops takes
//! its timer along.
//!
//! # Differences from others
//!
//! * tonic sends the timeout that was set on a request, whatever the caller has
//!   left. At that timeout, its channel answers `CANCELLED`, as do tonic's
//!   servers. This layer treats an error or a `CANCELLED` that comes when the
//!   callee should have given up as an exceeded deadline, as gRPC defines it.
//!   The channel reads what the callee is told, so with tonic a call ends
//!   earlier by the margin.
//! * `tower::timeout` tells the callee nothing, and changes the error type.

#[cfg(feature = "client")]
mod attempt;
pub mod body;
mod call;
mod call_bound;
pub mod future;
mod header;
mod layer;
mod margin;
mod readiness;
mod service;
mod settings;

#[cfg(feature = "client")]
pub(crate) use self::attempt::CallEnd;
pub use self::{layer::PropagateDeadlineLayer, service::PropagateDeadline};

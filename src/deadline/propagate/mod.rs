//! Tells those that are called how long the caller still waits, and waits no
//! longer than that: the client's side of deadlines.
//!
//! # How it decides
//!
//! For each call, [`PropagateDeadlineLayer`] takes the earlier of the
//! [current](super::current) deadline and the [`Deadline`](super::Deadline)
//! among the request's extensions. To the callee it says what is left of that,
//! less a [`Margin`] for the way back; never more than
//! [`call_max`](PropagateDeadlineLayer::call_max), and never more than the
//! request says already, as one does on which tonic's `set_timeout` was called.
//!
//! | the request is | it is told in |
//! |---|---|
//! | gRPC, by its content type | `grpc-timeout` |
//! | any other | `x-request-timeout`, or what [`http_header`](PropagateDeadlineLayer::http_header) says |
//!
//! Timeouts in other headers stay as they are: whoever forwards a request as it
//! came takes them off.
//!
//! All is rounded down, so nobody is told of more time than there is. What would
//! be told of no time at all is not sent.
//!
//! Then it waits until the deadline, or as long as the request and `call_max`
//! allow, and lets the call go. An [`Answer`](crate::refusal::Answer) says so:
//! status 504, or to gRPC (with the feature `grpc`) 4 `DEADLINE_EXCEEDED`. A
//! request that has no deadline, in no form, passes as it is.
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
//! // In a handler, a layer has done this.
//! let request = Deadline::after(Duration::from_secs(1));
//! // The callee is told of 900 ms.
//! let answer = deadline::scope(request, async move {
//!     client.check(HealthCheckRequest::default()).await
//! });
//! println!("{:?}", answer.await?);
//! # Ok(())
//! # }
//! ```
//!
//! # Custom example
//!
//! To a cluster of Envoys, no call longer than two seconds, 25 ms taken off
//! whatever is left, and bodies for what is answered here:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use sluicegate::deadline::{Counts, Margin, PropagateDeadlineLayer, TimeoutHeader};
//!
//! let counts = Arc::new(Counts::default());
//! let layer = PropagateDeadlineLayer::new()
//!     .call_max(Duration::from_secs(2))
//!     .margin(Margin::fixed(Duration::from_millis(25)))
//!     .http_header(TimeoutHeader::Envoy)
//!     .observe(counts);
//! # let _ = layer;
//! ```
//!
//! # Bodies
//!
//! The deadline holds for the body of the answer too, so responses come out with
//! a [`ResponseBody`](body::ResponseBody). When time is over, it ends with an
//! error, or in gRPC (with the feature `grpc`) with trailers of status 4; never
//! as if it were whole. A body of known size whose frames are there is passed on
//! whole; one of unknown size that always has more does not outrun the deadline.
//!
//! An event stream (`text/event-stream`) is bounded by its head alone, and other
//! answers can be, or by the time between frames: see
//! [`covers`](PropagateDeadlineLayer::covers). gRPC streams are bounded as a whole.
//!
//! # Readiness and clones
//!
//! Readiness is the inner service's, but is not waited for beyond the
//! [current](super::current) deadline of the task that asks, nor longer than
//! `call_max`: then the service is ready to refuse the call, and the inner one is not
//! called. A deadline that only the request has, in its extensions or headers, is not
//! known by then: run such a call in a [`scope`](super::scope), or set a `call_max`.
//!
//! Nothing is reserved in `poll_ready`. A service must be `Clone` to be wrapped: a
//! call that is not sent lets go of the ready service, and of its place in a queue.
//! It works out anew for each call what is left, so put it inside a retry; and
//! outside of whatever calls from another task, as `tower::buffer` does, because the
//! current deadline is unknown there.
//!
//! # Cancellation
//!
//! When time is over, the inner future is dropped before the answer is given,
//! and so is a body; HTTP/2 then resets the stream. A call dropped by its caller
//! goes along with its timer.
//!
//! # Differences from others
//!
//! * tonic sends the timeout that was set on a request, whatever is left to the
//!   caller. And when it is over, its channel answers `CANCELLED`, as do tonic's
//!   servers. Here an error, or a `CANCELLED`, that comes when the callee was to
//!   have given up is a deadline exceeded, as gRPC has it. The channel reads what
//!   the callee is told, so with tonic a call ends by the margin earlier.
//! * `tower::timeout` tells nobody, and changes the error type.

pub mod body;
mod bound;
pub mod future;
mod header;
mod layer;
mod margin;
mod readiness;
mod service;
mod terms;

pub use self::{
    header::TimeoutHeader, layer::PropagateDeadlineLayer, margin::Margin,
    service::PropagateDeadline,
};

//! Sends failed calls again, where that is safe, within a budget, and when the
//! server wants them.
//!
//! # How it decides
//!
//! [`RetryLayer`] asks three questions about a failed attempt: how far it came
//! ([`Progress`]), whether the call may be repeated, and when.
//!
//! | the attempt | came so far | is repeated |
//! |---|---|---|
//! | could not connect; its service was not ready; was given back by a connection that closed | `NotSent` | always, without a budget, until the deadline |
//! | got `REFUSED_STREAM`, or a `GOAWAY` that names an earlier stream as the last | `NotProcessed` | always; the first time at once and without a budget |
//! | got 502, 503 or 504; gRPC `UNAVAILABLE` (14) | `Unknown` | if the call is repeatable |
//! | got 429 or 409 with a `Retry-After`; gRPC `RESOURCE_EXHAUSTED` (8) or `ABORTED` (10) with a pushback or `RetryInfo` | `Unknown` | if the call is repeatable |
//! | ended with any other error of the client | `Unknown` | if the call is repeatable |
//! | exceeded the time for one attempt, such as `call_max` of a [`PropagateDeadlineLayer`](crate::deadline::PropagateDeadlineLayer) inside | `Unknown` | if the call is repeatable |
//! | got any other response, or a gRPC response with a message | | never |
//! | was refused by a layer of this process: its limit, its deadline | | never |
//!
//! A call is repeatable if its method is idempotent (GET, HEAD, OPTIONS, TRACE,
//! PUT, DELETE; RFC 9110, section 9.2.2), if it is a gRPC method that
//! [`idempotent`](RetryLayer::idempotent) names, or if it carries an idempotency
//! key. The layer can [attach](RetryLayer::attach_key) one. All attempts of a
//! call have the same key.
//!
//! A repeatable call is sent again only if all of these hold:
//!
//! * it was sent at most [`max_retries`](RetryLayer::max_retries) times before,
//! * the [`RetryBudget`] has room: unless set, for 10 retries in 100 requests of
//!   the last 10 seconds, so a client with few requests has none,
//! * the retry begins before the deadline, the earliest of the one that is
//!   [current](crate::deadline::current) when the service is called, the
//!   [`Deadline`](crate::deadline::Deadline) in the request's extensions, and the
//!   timeout in its headers,
//! * the server does not forbid it, by a negative or unreadable pushback or by
//!   `x-sluicegate-retry: no`, and does not want it later than
//!   [`max_delay`](RetryLayer::max_delay),
//! * the body of the request is kept, because it has at most
//!   [`max_body_bytes`](RetryLayer::max_body_bytes).
//!
//! Otherwise the caller gets the failure as it is, and the observer the reason
//! ([`Stop`]).
//!
//! | the server says | the call waits |
//! |---|---|
//! | `grpc-retry-pushback-ms` | exactly so long, and the backoff begins anew |
//! | `Retry-After`, `RetryInfo` | so long |
//! | nothing, a time that has passed, or what cannot be read | a random time, up to a bound that doubles with each retry ("full jitter") |
//!
//! # Example
//!
//! A client of hyper-util. [`RepeatableBody`] lists the bodies that can be sent
//! again; any other is wrapped in a [`TapedBody`].
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use sluicegate::client::RetryLayer;
//! use tower::{Layer, Service, ServiceExt};
//!
//! let client = Client::builder(TokioExecutor::new()).build_http();
//! let mut client = RetryLayer::new().layer(client);
//! let request = Request::put("http://orders.internal/17").body(Full::new(Bytes::from("paid")))?;
//! let response = client.ready().await?.call(request).await?;
//! println!("{}", response.status());
//! # Ok(())
//! # }
//! ```
//!
//! # Custom example
//!
//! A channel of tonic, which needs the feature `tonic`. The metrics around the layer count calls, and those inside
//! of it attempts. The deadline inside of it tells each attempt what is left.
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//! use sluicegate::{
//!     client::{RetryBudget, RetryLayer},
//!     deadline::PropagateDeadlineLayer,
//!     red::{RedCallLayer, Registry},
//! };
//! use tonic::transport::Endpoint;
//! use tonic_health::pb::health_client::HealthClient;
//! use tower::ServiceBuilder;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let metrics = Registry::new();
//! let retry = RetryLayer::new()
//!     .idempotent(|path| path.ends_with("/Check"))
//!     .attach_key()
//!     .max_retries(3)
//!     .backoff(Duration::from_millis(20), Duration::from_millis(500))
//!     .budget(RetryBudget::builder().percent(5).local())
//!     .observe(Arc::new(metrics.clone()));
//! let channel = ServiceBuilder::new()
//!     .layer(RedCallLayer::new("health", &metrics))
//!     .layer(retry)
//!     .layer(PropagateDeadlineLayer::new().call_max(Duration::from_secs(2)))
//!     .layer(RedCallLayer::new("health, attempts", &metrics))
//!     .service(Endpoint::from_static("http://127.0.0.1:50051").connect_lazy());
//! let client = HealthClient::new(channel);
//! # let _ = client;
//! # }
//! ```
//!
//! # The order of layers
//!
//! Outermost first: metrics of calls, this layer, deadlines
//! ([`PropagateDeadlineLayer`](crate::deadline::PropagateDeadlineLayer), which
//! writes the header for each attempt), metrics of attempts, limits, the client.
//!
//! Only one layer of a stack retries, because two would multiply attempts. One
//! that is called by an attempt of another passes its call on, and
//! [counts](Event::Nested) it. That holds for all calls that are made while the
//! attempt is polled, also for those of a handler in the same task. Where a
//! buffer stands between two layers, the inner one repeats the first attempt, and
//! the outer one sees that in a failed response.
//!
//! # Attempts
//!
//! Further attempts tell how many may have reached the server before, in
//! `grpc-previous-rpc-attempts` (gRPC proposal A6), or outside of gRPC in
//! `x-previous-attempts`. [`Counts`] has the number of attempts, and a
//! [`Registry`](crate::red::Registry) as the observer exports it as
//! `sluicegate_retry_attempts_total`.
//!
//! # Trailers
//!
//! The status of a gRPC call may come in trailers. For a repeatable call whose
//! request was read to its end, the layer waits for the first frame of the
//! response: trailers decide, and a message is passed on with all that follows.
//! Other calls, such as a stream that the client still writes, get their response
//! at once.
//!
//! # Errors
//!
//! Errors come out unchanged. The layer reads those of hyper-util's client, hyper,
//! h2, reqwest and tonic's channel (features `reqwest` and `tonic`),
//! [`Refusal`](crate::refusal::Refusal), and boxed errors with one of them among their
//! sources. A call with an error of another type may have been processed;
//! [`errors`](RetryLayer::errors) says more about it. An error about the request
//! itself, such as a body that fails, is final.
//!
//! The body of a failed response is dropped before the call waits. The retry may
//! then turn out to be impossible: the service does not get ready before the
//! deadline, or the client has made so few other calls meanwhile that its budget has
//! no room. Then the caller gets the head of that response and a body that fails.
//!
//! # Readiness and clones
//!
//! The first attempt goes to the service that was polled ready, and each further
//! one to a new clone, in the poll in which that is ready. Between attempts, a
//! call holds no ready service. Clones and services share the budget.
//!
//! A service that is not ready, with an error, is a failed attempt: this service
//! is ready nevertheless, and the next call begins with that failure.
//!
//! # Cancellation
//!
//! Dropping the future drops the attempt, and gives back a place in the budget
//! that was not used. It may leave a request at the server that is processed.
//!
//! # Differences from others
//!
//! * `tower::retry` leaves all decisions and the copy of the request to a policy
//!   of the user. Its default budget allows 10 retries a second, whatever the
//!   requests.
//! * Service meshes such as Envoy and linkerd decide outside of the process. They
//!   know nothing of its deadlines, and Envoy decides about gRPC by headers alone.
//! * gRPC's own retries (proposal A6) need a service configuration, and know no
//!   idempotency keys.

mod backoff;
mod body;
mod budget;
mod call;
mod failure;
pub mod future;
mod head;
mod key;
mod layer;
mod nested;
mod observe;
mod outcome;
mod retrying;
mod service;
mod settings;
mod state;

#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::body::ReqwestBodySource;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use self::budget::BudgetTwin;
pub use self::{
    body::{
        BodySource, BoxedTapeSource, CloneSource, RepeatableBody, ResponseBody, TapeSource,
        TapedBody,
    },
    budget::{RetryBudget, RetryBudgetBuilder},
    layer::RetryLayer,
    observe::{Counts, Event, Observe, Snapshot, Stop},
    outcome::Progress,
    service::Retry,
};

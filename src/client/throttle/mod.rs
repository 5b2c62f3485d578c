//! Refuses calls to a server that refuses them anyway, before they are sent.
//!
//! # How it decides
//!
//! A server that is overloaded spends work even on a refusal. The layer counts
//! for each peer, in the last two minutes, the calls and those that the server
//! accepted. With `K` = 2, it refuses a call with the probability
//!
//! ```text
//! max(0, (calls - K * accepted) / (calls + 1))
//! ```
//!
//! Calls under way do not count yet.
//!
//! (Google, "Site Reliability Engineering", chapter "Handling Overload"). So all
//! calls pass until the server refuses half of them. If it refuses more, the
//! calls that it gets shrink until it accepts about half of them.
//!
//! Each [`Criticality`](crate::criticality::Criticality) has counts of its own:
//! if a server accepts only important calls, only the others are refused here.
//!
//! | a call | counts as |
//! |---|---|
//! | answered, also with an error of the application | a call that was accepted |
//! | 429, 503 or 504, or gRPC status 4, 8 or 14 | a call |
//! | an error of the transport, or dropped after its deadline | a call |
//! | refused by this layer | a call |
//! | refused by a layer further in, or dropped by its caller | nothing |
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use http::{Request, Response, StatusCode};
//! use sluicegate::{client::throttle::ThrottleLayer, refusal::{Reason, Refusal}};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let overloaded = service_fn(|_: Request<String>| async {
//!     let response = Response::builder().status(StatusCode::SERVICE_UNAVAILABLE);
//!     Ok::<_, std::convert::Infallible>(response.body(String::new()).unwrap())
//! });
//! let client = ThrottleLayer::new().layer(overloaded);
//! let mut refused = 0;
//! for _ in 0..1_000 {
//!     let response = client.clone().oneshot(Request::new(String::new())).await.unwrap();
//!     let refusal = response.extensions().get::<Refusal>();
//!     refused += usize::from(refusal.is_some_and(|it| it.reason() == Reason::Overloaded));
//! }
//! // At most 80 % are refused, so that the layer notices when the server recovers.
//! assert!((700..900).contains(&refused));
//! # }
//! ```
//!
//! # Readiness and cancellation
//!
//! Readiness is the inner service's. A refused call drops the ready instance.
//! Clones share the counts. The layer belongs inside a retry layer, which does
//! not retry its refusals, and outside of [`obey`](super::obey).

mod call;
pub mod future;
mod layer;
mod observe;
mod service;
mod settings;
mod verdict;
mod window;

pub use self::{
    layer::ThrottleLayer,
    observe::{Counts, Event, Observe, Snapshot},
    service::Throttle,
};

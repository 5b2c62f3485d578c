//! Deadlines: how long the caller still waits, known wherever work is done.
//!
//! # How it works
//!
//! A [`Deadline`] is an instant, and its methods only make earlier ones of it:
//! a [child](Deadline::child) for a part of the work, [stages](Stages) that
//! follow one another, parts that [fan out](Deadline::fan_out). [`current`]
//! returns the deadline of the running work. A future runs under one by
//! [`scope`], takes the current one into a spawned task by [`carry`], and runs
//! without one by
//! [`detach`].
//!
//! An [`EnforceDeadlineLayer`] around a service finds out how long the caller
//! waits, and ends the handler and the response body at that deadline.
//!
//! Around a client, a [`PropagateDeadlineLayer`] tells it to the services that
//! are called, and ends the call at that deadline; see [`propagate`].
//!
//! Where work crosses a queue, a [`Registry`] keeps the deadline under an id,
//! in Redis by the server's clock, and can cancel the work that holds it.
//!
//! Limits respect the current deadline: a check that asks Redis does not wait
//! beyond it, and a request does not wait for a turn that would come after it.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use std::time::Duration;
//! use sluicegate::deadline::{self, Deadline};
//!
//! async fn query() -> Option<&'static str> {
//!     // Deep inside, without the deadline as an argument.
//!     let deadline = deadline::current()?.child(Duration::from_millis(100));
//!     tokio::select! {
//!         biased;
//!         row = async { "found" } => Some(row),
//!         () = deadline.passed() => None,
//!     }
//! }
//!
//! let request = Deadline::after(Duration::from_secs(1));
//! assert_eq!(deadline::scope(request, query()).await, Some("found"));
//! # }
//! ```
//!
//! # Cancellation
//!
//! A deadline does not stop anything by itself: race the work against
//! [`Deadline::passed`], and poll the work first. Under the layer, the handler
//! is dropped; the tasks that it has spawned can watch its [`cancellation`].
//!
//! # Differences from others
//!
//! * `tower::timeout` begins anew at each layer, so that a chain of them
//!   promises more time than the caller has. A deadline is the same instant
//!   everywhere.
//! * tonic reads `grpc-timeout` on the server and sends it on the client, but
//!   does not pass on what it has read.

mod cancellation;
mod coverage;
mod current;
mod current_view;
mod deadline;
mod enforce;
mod observe;
pub mod propagate;
pub mod registry;
mod request_view;
mod stages;
mod view;
mod wire;

pub(crate) use self::enforce::{CallerDeadline, is_chosen_by_caller};
#[cfg(feature = "client")]
pub(crate) use self::propagate::CallEnd;
pub use self::{
    cancellation::{CancelCause, Cancellation},
    coverage::Coverage,
    current::{Scope, cancellation, carry, current, detach, scope},
    deadline::Deadline,
    enforce::{EnforceDeadline, EnforceDeadlineLayer, ResponseBody, Trust, future},
    observe::{Counts, Event, Observe, Snapshot, Stage},
    propagate::{PropagateDeadline, PropagateDeadlineLayer},
    registry::Registry,
    stages::Stages,
    wire::Form,
};

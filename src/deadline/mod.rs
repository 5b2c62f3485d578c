//! Deadlines: how long the caller still waits, known wherever work is done.
//!
//! # How it works
//!
//! A [`Deadline`] is an instant, and all that can be made of it is an earlier
//! one: a [child](Deadline::child) for a part of the work, [stages](Stages) that
//! follow one another, parts that [fan out](Deadline::fan_out). The deadline of
//! what runs at present is [`current`], wherever that is asked; futures run
//! under one by [`scope`], take theirs along into a spawned task by [`carry`],
//! and do without by [`detach`].
//!
//! An [`EnforceDeadlineLayer`] in front of a service finds out how long the
//! caller waits, and ends the handler and the response body when that is over.
//!
//! To those that are called, [`PropagateDeadlineLayer`] passes it on, and ends the
//! call when it has passed; see [`propagate`].
//!
//! Where work crosses a queue, a [`Registry`] keeps the deadline under an id, in
//! Redis by the server's clock, and cancels it wherever it is held.
//!
//! Limits know of it: a check that asks Redis does not wait beyond the current
//! deadline, and nobody waits for a turn that would come after it.
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
//!     // Somewhere deep inside, where nobody handed a deadline to.
//!     let deadline = deadline::current()?.child(Duration::from_millis(100));
//!     tokio::select! {
//!         biased;
//!         answer = async { "found" } => Some(answer),
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
//! A deadline tells, and stops nothing by itself: race the work against
//! [`Deadline::passed`], polling the work first. Under the layer, the handler is
//! dropped, and what it has spawned is told by its [`cancellation`].
//!
//! # Differences from others
//!
//! * `tower::timeout` begins anew at each layer, so that a chain of them promises
//!   more than the caller has; a deadline is the same instant everywhere.
//! * tonic reads `grpc-timeout` on the server and sends it on the client, but what
//!   one has read, the other does not know.

mod cancellation;
mod coverage;
mod current;
mod deadline;
mod enforce;
mod observe;
pub mod propagate;
pub mod registry;
mod stages;
pub mod wire;

pub(crate) use self::enforce::CallersDeadline;
pub use self::{
    cancellation::{Cancellation, Cause, cancellation},
    coverage::{Coverage, Covers},
    current::{Scope, carry, current, detach, scope},
    deadline::Deadline,
    enforce::{EnforceDeadline, EnforceDeadlineLayer, Form, ResponseBody, Trust, Trusts, future},
    observe::{Counts, Event, Observe, Snapshot, Stage},
    propagate::{Margin, PropagateDeadline, PropagateDeadlineLayer, TimeoutHeader},
    registry::Registry,
    stages::Stages,
};

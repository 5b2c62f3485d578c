//! How important a request is. A layer that has to refuse requests refuses the
//! least important ones first.
//!
//! # How it works
//!
//! The four levels are those of Google's book on site reliability ("Handling
//! Overload"). A service passes the level of its caller on, or lowers it; see
//! [`Criticality::lowered_to`].
//!
//! A [`ConcurrencyLayer`](crate::concurrency::ConcurrencyLayer) with a
//! [priority](crate::concurrency::Priority) decides the level of a request, and
//! sheds by it. [`current`] returns the level of the running work. A future runs
//! under a level by [`scope`], and takes the current one into a spawned task by
//! [`carry`]. Around a client, a [`PropagateCriticalityLayer`] tells the current
//! level to the services that are called.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use std::convert::Infallible;
//! use http::{Request, Response};
//! use sluicegate::criticality::{self, Criticality, PropagateCriticalityLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let callee = service_fn(|req: Request<String>| async move {
//!     Ok::<_, Infallible>(Response::new(Criticality::read(req.headers())))
//! });
//! let client = PropagateCriticalityLayer::new().layer(callee);
//!
//! // A batch job calls another service.
//! let job = client.oneshot(Request::default());
//! let response = criticality::scope(Criticality::Sheddable, job).await.unwrap();
//! assert_eq!(response.into_body(), Some(Criticality::Sheddable));
//! # }
//! ```

mod current;
mod level;
mod propagate;

pub(crate) use self::current::Running;
pub use self::{
    current::{WithCriticality, carry, current, scope},
    level::{Criticality, HEADER},
    propagate::{PropagateCriticality, PropagateCriticalityLayer},
};

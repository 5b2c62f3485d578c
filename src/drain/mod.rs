//! Graceful shutdown within a budget: no request that was accepted is lost.
//!
//! # How it works
//!
//! A [`Drain`] goes through [stages](Stage), which share one
//! [budget](Builder) from the first signal on:
//!
//! | stage | new requests | requests in flight |
//! |---|---|---|
//! | serving | are served | |
//! | lame duck | are served; the [readiness check](Readiness) fails | go on |
//! | draining | no connections are accepted; late requests get 503, or gRPC status 14 | go on |
//! | cancelling | as above | their [cancellation](crate::deadline::cancellation) fires; streams are ended with their last words |
//! | aborting | as above | are dropped |
//!
//! After the lame duck, the drain ends as soon as nothing is in flight and the
//! server has ended. Idle connections end at once. One that has sent half a head,
//! or an HTTP/2 client that does not answer pings, holds the server until the
//! abort, and the report says so. A second signal aborts at once. At the end
//! there is a [`Report`].
//!
//! A request is in flight from when its head reaches the [`DrainLayer`] to the
//! end of the response's body. Spawned tasks and upgraded connections, such as
//! WebSockets, are waited for if they hold a [`DrainGuard`].
//!
//! # Lost requests
//!
//! A request is accepted when its head has reached the layer before the lame
//! duck ends. It is lost if its client does not get the whole response. Only
//! the abort loses requests, and the report names their routes. A stream that
//! was ended with its last words is not lost.
//!
//! The abort drops all that passes through the layer and the guards. Three
//! things it cannot end, because they are outside: a connection that was
//! upgraded without a guard, which the report names; a connection whose client
//! does not read, which ends with the process; and a thread that a handler
//! blocks. If the work of a process may block, end it with
//! `std::process::exit` after the report, because a runtime waits for its
//! blocking tasks.
//!
//! # Other layers
//!
//! | with | what happens |
//! |---|---|
//! | [`deadline`](crate::deadline) | one signal: [`cancellation`](crate::deadline::cancellation) fires for the earlier of the deadline and the drain, with the [cause](crate::deadline::CancelCause) |
//! | `idempotency` | keyed work is waited for, even if its client is gone. A late request claims nothing. The lease of aborted work is not released but lapses, because the outcome is unknown |
//! | [`red`](crate::red) | it is inside, so that the last request is counted before the [hooks](Drain::at_end) flush the metrics |
//!
//! # Differences from others
//!
//! * The graceful shutdown of axum and hyper has no bound, tells streams
//!   nothing, and does not know of upgraded connections or spawned tasks.
//! * tonic waits for its connections without a bound.
//! * `tokio_util`'s `TaskTracker` and `CancellationToken` know of tasks and not
//!   of requests, and share no budget.
//!
//! # Example
//!
//! ```no_run
//! # #[tokio::main]
//! # async fn main() -> std::io::Result<()> {
//! use axum::{Router, routing::get};
//! use sluicegate::drain::Drain;
//!
//! let app = Router::new().route("/", get(|| async { "hello" }));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!
//! let drain = Drain::new();
//! # #[cfg(feature = "signal")]
//! drain.listen()?; // SIGTERM and Ctrl-C; needs the feature `signal`.
//! let app = app.route("/readyz", drain.readiness().route()).layer(drain.layer());
//! let server = axum::serve(listener, app).with_graceful_shutdown(drain.signalled());
//! println!("{}", drain.serve(server).await?);
//! # Ok(()) }
//! ```
//!
//! With tonic, whose graceful shutdown waits without a bound, the last lines
//! are:
//!
//! ```no_run
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use sluicegate::drain::Drain;
//! # use tonic::transport::{Server, server::TcpIncoming};
//! # let (_, service) = tonic_health::server::health_reporter();
//! # let incoming = TcpIncoming::bind("127.0.0.1:50051".parse()?)?;
//! let drain = Drain::new();
//! # #[cfg(feature = "signal")]
//! drain.listen()?;
//! let server = Server::builder().layer(drain.layer()).add_service(service);
//! let server = server.serve_with_incoming_shutdown(incoming, drain.signalled());
//! println!("{}", drain.serve(server).await?);
//! # Ok(()) }
//! ```

mod builder;
mod drain;
mod http;
mod observe;
mod readiness;
mod report;
mod serve;
#[cfg(all(feature = "signal", any(unix, windows)))]
mod signals;
mod stage;
mod state;
mod work;

pub use self::{
    builder::Builder,
    drain::Drain,
    http::{DrainLayer, Draining, ResponseBody, ResponseFuture},
    observe::{Counts, Ending, Event, Observe, Snapshot},
    readiness::Readiness,
    report::Report,
    stage::Stage,
    work::{Aborted, DrainGuard, Guarded, WorkCounts},
};
pub(crate) use self::{
    state::DrainState,
    work::{Current, current_state},
};

//! The handle of a drain.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Weak},
};

use super::{
    builder::Builder,
    http::DrainLayer,
    readiness::Readiness,
    report::Report,
    stage::Stage,
    state::{DrainState, Phase},
    work::{DrainGuard, Ticket},
};
use crate::deadline::Cancellation;

/// Ends a process without losing requests. Clones are one drain.
///
/// See the [module docs](crate::drain) for its stages. A drain that is never
/// begun does nothing but count requests.
#[derive(Clone)]
pub struct Drain(pub(super) Arc<DrainState>);

impl Drain {
    /// Creates a drain with the default division of 25 s.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns the default settings, to change them.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Returns the layer that tracks requests. Put it outside of all others, so
    /// that it sees every request.
    pub fn layer(&self) -> DrainLayer {
        DrainLayer::new(self.0.clone())
    }

    /// Begins the drain. Without effect if it has begun.
    pub fn begin(&self) {
        self.0.begin();
    }

    /// Begins the drain, or aborts it if it has begun: what the first and the
    /// second SIGTERM do.
    pub fn signal(&self) {
        self.0.signal();
    }

    /// Aborts everything that is in flight.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Returns how far the drain has come.
    pub fn stage(&self) -> Stage {
        self.0.stage()
    }

    /// Returns how many requests and guards are in flight.
    pub fn in_flight(&self) -> usize {
        self.0.in_flight.len()
    }

    /// Returns the check for load balancers.
    pub fn readiness(&self) -> Readiness {
        Readiness::new(self.0.clone())
    }

    /// Waits until the server should accept no more connections, which is after
    /// the lame duck. Hand it to the graceful shutdown of the server.
    ///
    /// ```no_run
    /// # async fn example(listener: tokio::net::TcpListener, app: axum::Router) -> std::io::Result<()> {
    /// use sluicegate::drain::Drain;
    ///
    /// let drain = Drain::new();
    /// let app = app.layer(drain.layer());
    /// let server = axum::serve(listener, app).with_graceful_shutdown(drain.signalled());
    /// let report = drain.serve(server).await?;
    /// # Ok(()) }
    /// ```
    pub fn signalled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let state = self.0.clone();
        async move { state.reached(Phase::Draining).await }
    }

    /// Returns a signal that fires when the drain cancels, for work that it does
    /// not wait for.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use sluicegate::drain::Drain;
    ///
    /// let drain = Drain::new();
    /// let stop = drain.cancellation();
    /// let poller = tokio::spawn(async move {
    ///     // Ask for work in turns, and stop with the drain.
    ///     stop.cancelled().await
    /// });
    /// drain.abort();
    /// drain.wait().await;
    /// poller.await.unwrap();
    /// # }
    /// ```
    pub fn cancellation(&self) -> Cancellation {
        Cancellation::of_drain(self.0.clone())
    }

    /// Returns a guard for work that belongs to no request, under this name in
    /// the report.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use sluicegate::drain::Drain;
    ///
    /// let drain = Drain::new();
    /// let guard = drain.guard("mails");
    /// tokio::spawn(async move {
    ///     tokio::time::sleep(Duration::from_secs(8)).await;
    ///     drop(guard);
    /// });
    /// drain.begin();
    /// assert_eq!(drain.wait().await.took(), Duration::from_secs(8));
    /// # }
    /// ```
    pub fn guard(&self, name: &'static str) -> DrainGuard {
        DrainGuard::new(Ticket::named(&self.0, name))
    }

    /// Adds work for the end, such as a last flush of metrics: it runs after the
    /// last request has ended or was aborted, in the order in which it was
    /// added, and at most until the budget ends.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use sluicegate::drain::Drain;
    ///
    /// let drain = Drain::new();
    /// drain.at_end("metrics", async { /* fleet.shutdown().await */ });
    /// drain.begin();
    /// assert!(drain.wait().await.unfinished_hooks().is_empty());
    /// # }
    /// ```
    pub fn at_end(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.0.hooks.add(name, work);
    }

    /// Returns the shared state for metrics, which do not keep it.
    pub(crate) fn downgrade(&self) -> Weak<DrainState> {
        Arc::downgrade(&self.0)
    }

    /// Waits for the drain to begin and to end, without a server.
    ///
    /// Some task has to call this or [`serve`](Self::serve), because it drives
    /// the stages.
    pub async fn wait(&self) -> Report {
        self.0.ended().await;
        self.close(true).await
    }

    /// Runs the hooks, and returns the report.
    pub(super) async fn close(&self, has_server_ended: bool) -> Report {
        // Taken before the hooks run: what ends meanwhile was there at the end.
        let ledger = self.0.in_flight.ledger();
        let (begun, closes_at) = self.0.times().expect("a drain that ended has begun");
        let unfinished = self.0.hooks.run(closes_at).await;
        Report::new(ledger, begun.elapsed(), has_server_ended, unfinished)
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

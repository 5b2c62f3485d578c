//! The check that tells load balancers to send requests elsewhere.

use std::sync::Arc;

use super::state::{DrainState, Phase};

/// Whether load balancers should send requests here: from the start until the
/// drain begins.
///
/// With the feature `axum`, `route` is a handler. For
/// `tonic-health`, tell its reporter when readiness is lost:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use sluicegate::drain::Drain;
///
/// let drain = Drain::new();
/// let (health, service) = tonic_health::server::health_reporter();
/// health.set_service_status("", tonic_health::ServingStatus::Serving).await;
/// let ready = drain.readiness();
/// tokio::spawn(async move {
///     ready.lost().await;
///     health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
/// });
/// # drop(service);
/// assert!(drain.readiness().is_ready());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Readiness(Arc<DrainState>);

impl Readiness {
    pub(super) fn new(state: Arc<DrainState>) -> Self {
        Self(state)
    }

    /// Returns whether requests should be sent here.
    pub fn is_ready(&self) -> bool {
        self.0.phase.load() == Phase::Serving
    }

    /// Waits until requests should be sent elsewhere.
    pub async fn lost(&self) {
        self.0.reached(Phase::LameDuck).await;
    }

    /// Returns a handler that answers with 200 while requests should be sent
    /// here, and then with 503.
    ///
    /// ```
    /// use axum::Router;
    /// use sluicegate::drain::Drain;
    ///
    /// let drain = Drain::new();
    /// let app: Router = Router::new().route("/readyz", drain.readiness().route());
    /// # let _ = app;
    /// ```
    #[cfg(feature = "axum")]
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn route<S: Clone + Send + Sync + 'static>(&self) -> axum::routing::MethodRouter<S> {
        use http::StatusCode;

        let readiness = self.clone();
        axum::routing::get(move || async move {
            match readiness.is_ready() {
                true => (StatusCode::OK, "ready\n"),
                false => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            }
        })
    }
}

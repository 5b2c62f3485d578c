//! The permit of a connection that changes its protocol, such as a WebSocket.

use std::{fmt, sync::Arc};

use crate::{
    concurrency::gate::{Permit, WorkEnd},
    sync::{Mutex, lock},
};

/// Keeps the permit of a connection that changes its protocol, until the last
/// clone is dropped.
///
/// A layer that [counts upgrades](super::ConcurrencyLayer::count_upgrades) puts
/// it among the extensions of each request. A handler that upgrades the
/// connection moves it into the task that serves the connection. If the
/// response is not an upgrade, it holds nothing.
///
/// ```
/// use axum::{Extension, extract::Request, response::Response};
/// use sluicegate::concurrency::UpgradeGuard;
///
/// async fn upgrade(Extension(guard): Extension<UpgradeGuard>, request: Request) -> Response {
///     tokio::spawn(async move {
///         // Serves the connection, once the client has it.
///         drop(guard);
///     });
/// #   let _ = request;
///     Response::builder().status(101).body(Default::default()).unwrap()
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(upgrade));
/// ```
#[derive(Clone)]
#[must_use = "the permit goes back when the guard is dropped"]
pub struct UpgradeGuard {
    slot: Arc<HeldPermit>,
}

/// Holds the permit once the connection is upgraded.
#[derive(Default)]
struct HeldPermit(Mutex<Option<Permit>>);

impl UpgradeGuard {
    pub(super) fn new() -> Self {
        Self {
            slot: Arc::default(),
        }
    }

    /// Takes the permit over. It goes back at once if no handler has a clone.
    pub(super) fn keep(self, permit: Permit) {
        *lock(&self.slot.0) = Some(permit);
    }
}

impl Drop for HeldPermit {
    fn drop(&mut self) {
        // The time of a connection says nothing about the load.
        if let Some(permit) = lock(&self.0).take() {
            permit.end(WorkEnd::Ignored);
        }
    }
}

impl fmt::Debug for UpgradeGuard {
    debug_opaque!(UpgradeGuard);
}

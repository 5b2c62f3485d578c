//! Serves until a signal stops it.

use std::{future::IntoFuture, net::SocketAddr, time::Duration};

use axum::Router;
use sluicegate::idempotency::Tracker;
use tokio::{net::TcpListener, signal, sync::oneshot, time};

/// How long running requests may take after the first signal. One that waits in a
/// leaky bucket could take hours.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until the first signal, then waits for running requests and for work whose
/// client has gone. Returns at once after the second signal.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    mut signals: Signals,
    tracker: &Tracker,
) {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let (stop, stopping) = oneshot::channel();
    let server = axum::serve(listener, app).with_graceful_shutdown(async {
        _ = stopping.await;
    });
    let grace = async {
        signals.next().await;
        _ = stop.send(());
        _ = time::timeout(GRACE, signals.next()).await;
    };
    let served = async {
        let stopped = server.into_future().await;
        stopped.expect("axum's server never fails");
        tracker.drain(GRACE).await;
    };
    tokio::select! {
        () = served => {}
        () = grace => {}
    }
}

/// Listens for Ctrl-C and SIGTERM, from when it is created.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: signal::unix::Signal,
    terminate: signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> Self {
        use signal::unix::{SignalKind, signal};

        let heard = |kind| signal(kind).expect("both signals can be handled");
        Self {
            interrupt: heard(SignalKind::interrupt()),
            terminate: heard(SignalKind::terminate()),
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Listens for Ctrl-C.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        signal::ctrl_c().await.expect("Ctrl-C can be handled");
    }
}

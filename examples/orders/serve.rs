//! Serving until a signal says stop.

use std::{future::IntoFuture, net::SocketAddr, time::Duration};

use axum::Router;
use sluicegate::idempotency::Tracker;
use tokio::{net::TcpListener, signal, sync::oneshot, time};

/// How long requests may take that have begun when it is time to stop; one
/// that waits in a leaky bucket may have hours to go.
const GRACE: Duration = Duration::from_secs(10);

/// Ends after the first signal, when what has begun is done, also for clients that
/// have gone; at once after the second.
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

/// Ctrl-C and SIGTERM. None is missed from the time this is made.
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

        let heard = |kind| signal(kind).expect("neither signal is forbidden to handle");
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

/// Ctrl-C.
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

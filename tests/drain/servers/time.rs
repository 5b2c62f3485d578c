//! Time that only the test moves, while sockets and processes go on.

use std::{sync::mpsc, time::Duration};

use tokio::time::{advance, pause};

/// Keeps tokio's clock still. Paused time alone would jump to the next timer
/// whenever the runtime waits for a socket; it does not while a blocking task
/// runs.
pub(crate) struct Still {
    _blocking: mpsc::Sender<()>,
}

impl Still {
    pub(crate) fn new() -> Self {
        pause();
        let (sender, receiver) = mpsc::channel::<()>();
        // Ends when the sender is dropped.
        tokio::task::spawn_blocking(move || receiver.recv());
        Self { _blocking: sender }
    }

    pub(crate) async fn pass(&self, time: Duration) {
        // Timers are rounded up to the next millisecond.
        advance(time + Duration::from_millis(1)).await;
    }
}

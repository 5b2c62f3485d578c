//! The task that flushes at intervals.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::AbortHandle, time::timeout};

use super::shipper::Shipper;
use crate::{
    random,
    runtime::background,
    sync::{Mutex, lock},
};

/// The task that flushes. When this is dropped, it flushes once more and ends.
#[derive(Debug)]
pub(crate) struct FlushTask {
    /// The task ends gracefully when this sender is dropped.
    open: Mutex<Option<oneshot::Sender<()>>>,
    /// Ends the task at once.
    task: AbortHandle,
}

impl FlushTask {
    /// Starts the task in the background, so that it does not depend on the
    /// runtime of the requests.
    pub(crate) fn start(shipper: &Arc<Shipper>, every: Duration) -> Self {
        let (open, closed) = oneshot::channel();
        let task = background().spawn(run(Arc::clone(shipper), every, closed));
        Self {
            open: Mutex::new(Some(open)),
            task: task.abort_handle(),
        }
    }

    /// Ends the task at once. The caller makes the last flush itself.
    pub(crate) fn stop(&self) {
        // Aborted before the sender is dropped, which would start another last
        // flush.
        self.task.abort();
        *lock(&self.open) = None;
    }
}

/// Flushes until the handles are gone.
async fn run(shipper: Arc<Shipper>, every: Duration, mut closed: oneshot::Receiver<()>) {
    while timeout(random::jittered(every), &mut closed).await.is_err() {
        // A failure is counted, and the flush is sent again.
        if let Err(error) = shipper.flush(None).await {
            tracing::debug!(target: "sluicegate::red", %error, "counts were not shipped");
        }
    }
    if let Err(error) = shipper.finish().await {
        tracing::warn!(target: "sluicegate::red", %error, "the last counts were not shipped");
    }
}

//! The task that flushes.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::AbortHandle, time::timeout};

use super::shipper::Shipper;
use crate::red::fleet::random::share;
use crate::{
    runtime::background,
    sync::{Mutex, lock},
};

/// The task that flushes. When this is dropped it flushes once more, and ends.
#[derive(Debug)]
pub(crate) struct FlushTask {
    open: Mutex<Option<oneshot::Sender<()>>>,
    task: AbortHandle,
}

impl FlushTask {
    /// In the background, for whatever runtime requests are counted on.
    pub(crate) fn start(shipper: &Arc<Shipper>, every: Duration) -> Self {
        let (open, closed) = oneshot::channel();
        let task = background().spawn(go_on(Arc::clone(shipper), every, closed));
        Self {
            open: Mutex::new(Some(open)),
            task: task.abort_handle(),
        }
    }

    /// Ends it at once: somebody else makes the last flush.
    pub(crate) fn stop(&self) {
        self.task.abort();
        *lock(&self.open) = None;
    }
}

/// Until its handles are gone.
async fn go_on(shipper: Arc<Shipper>, every: Duration, mut closed: oneshot::Receiver<()>) {
    while timeout(jittered(every), &mut closed).await.is_err() {
        // What failed is counted, and comes again.
        if let Err(error) = shipper.flush(None).await {
            tracing::debug!(target: "sluicegate::red", %error, "counts were not shipped");
        }
    }
    if let Err(error) = shipper.finish().await {
        tracing::warn!(target: "sluicegate::red", %error, "the last counts were not shipped");
    }
}

/// A tenth more or less, so that a fleet that was started together does not flush
/// together.
fn jittered(every: Duration) -> Duration {
    every.mul_f64(0.9 + 0.2 * share())
}

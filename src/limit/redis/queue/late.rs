//! Answers the callers whose time is up. The queue starts it with the first
//! request that waits.

use std::{sync::Weak, time::Instant};

use tokio::{runtime::Id, time::sleep_until};

use super::request_queue::RequestQueue;
use crate::limit::rules::script::Scripted;

/// Answers the callers of a runtime whose time is up, until none waits.
///
/// It runs in the background, because the worker may be stalled. Does not keep the
/// limiter alive.
pub(super) async fn answer_late<R: Scripted>(queue: Weak<RequestQueue<R>>, runtime: Id) {
    while let Some(queue) = queue.upgrade() {
        let (late, next) = queue.backlogs.take_late(runtime, Instant::now());
        let timeout = queue.client.connection.timeout();
        late.into_iter()
            .for_each(|mut waiter| waiter.answer_late(timeout));
        drop(queue);
        let Some(next) = next else {
            return;
        };
        sleep_until(next.into()).await;
    }
}

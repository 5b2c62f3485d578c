//! The first stage: is the event worth an attempt?

use std::time::Duration;

use super::{context::Context, deadlines::Job, gauges::Stage};
use crate::{event::Reason, store::Event};

/// Returns the event with its deadline, unless its hold was ended here.
pub(super) async fn prepare(context: Context, event: Event) -> Option<Job> {
    if context.is_stopping() {
        context.give_back(&event, Duration::ZERO).await;
        return None;
    }
    context.linger(Stage::Prepare).await;
    if event.progress.attempts > context.policy.attempts {
        // It was taken too often, and neither ended nor failed: it kills processes.
        let error = "its process died at each attempt";
        context.bury(&event, Reason::Attempts, error).await;
        return None;
    }
    match Job::claim(&context, event).await {
        Ok(job) => Some(job),
        Err((event, reason)) => {
            context.bury(&event, reason, "it was not charged").await;
            None
        }
    }
}

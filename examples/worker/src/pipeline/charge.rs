//! The second stage: the provider is called once for each event and round.

use std::time::Duration;

use sluicegate::{
    deadline,
    idempotency::{Fingerprint, Name, RunError, RunOutcome, Scope},
};

use super::{context::Context, deadlines::Job};
use crate::{
    event::Reason,
    provider::{Down, Verdict},
    store::{Booking, Event},
};

/// How long an event waits if the idempotency store does not answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Returns the event with its receipt, unless its hold was ended here.
pub(super) async fn charge(context: Context, job: Job) -> Option<Booking> {
    if context.is_stopping() {
        context.give_back(&job.event, Duration::ZERO).await;
        return None;
    }
    if let Some(reason) = job.over() {
        context.bury(&job.event, reason, "it was not charged").await;
        return None;
    }
    let called = call(&context, &job).await.map(RunOutcome::into_inner);
    let event = job.event;
    match called {
        Ok(Verdict::Paid { receipt }) => return Some(Booking { event, receipt }),
        Ok(Verdict::Rejected { why }) => context.bury(&event, Reason::Rejected, &why).await,
        Err(error) => failed(&context, &event, error).await,
    }
    None
}

/// Calls the provider, unless an earlier attempt has its verdict.
async fn call(context: &Context, job: &Job) -> Result<RunOutcome<Verdict>, RunError<Down>> {
    let (provider, event) = (context.provider.clone(), job.event.clone());
    let (name, fingerprint) = identify(context, &event);
    let work = move || async move { provider.call(&event).await };
    let once = context.marks.run_once(name, fingerprint, work);
    match job.deadline() {
        // A call that was begun is not cut off, because its outcome would be unknown.
        Some(deadline) => deadline::scope(deadline, once).await,
        None => once.await,
    }
}

/// A dead letter that is put back begins a new round, whose mark is new.
fn identify(context: &Context, event: &Event) -> (Name, Fingerprint) {
    let scope = Scope::new("worker").principal(context.store.name());
    let name = scope.name(format!("{} {}", event.id, event.progress.round));
    let fingerprint = Fingerprint::builder()
        .part(event.kind.code())
        .part(event.order.to_be_bytes())
        .part(&event.content.item)
        .part(event.content.cents.to_be_bytes());
    (name, fingerprint.finish())
}

/// Decides what becomes of an event without a verdict.
async fn failed(context: &Context, event: &Event, error: RunError<Down>) {
    let text = error.to_string();
    match error {
        RunError::Failed(Down) => {
            let last = Reason::Attempts;
            context.retry(event, Duration::ZERO, last, &text).await;
        }
        // Another process is at it, or died a moment ago.
        RunError::Running { left } => context.give_back(event, left).await,
        RunError::Store(_) => context.give_back(event, STORE_PAUSE).await,
        // The mark can be claimed again after its lease. Then `--takeover` decides.
        RunError::Panicked { .. } | RunError::ShutDown | RunError::Lost => {
            let (lease, last) = (context.policy.lease, Reason::OutcomeUnknown);
            context.retry(event, lease, last, &text).await;
        }
        RunError::Mismatch => context.bury(event, Reason::Rejected, &text).await,
        // `Unknown`, or a value that is missing or cannot be read.
        _ => context.bury(event, Reason::OutcomeUnknown, &text).await,
    }
}

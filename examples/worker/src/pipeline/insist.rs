//! Ends the hold of an event, whatever the database does meanwhile.

use std::{future::Future, time::Duration};

use tokio::time;
use tracing::warn;

use super::{
    context::Context,
    gauges::{Counters, Stage},
};
use crate::{
    event::{Progress, Reason, State, Step},
    store::Event,
    time as clock,
};

/// The time between two tries while the database is down.
const PAUSE: Duration = Duration::from_millis(500);

/// Tries until it succeeds. The process holds the event meanwhile, and a place of
/// the pool, so that no more events are taken than can be ended. It gives up when
/// the process stops: then the hold lapses.
pub(super) async fn insist<T, F>(context: &Context, attempt: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    loop {
        match attempt().await {
            Ok(done) => return Some(done),
            Err(error) if context.is_stopping() => {
                warn!(%error, "the database failed while the worker stopped");
                return None;
            }
            Err(error) => warn!(%error, "the database failed; trying again"),
        }
        time::sleep(PAUSE).await;
    }
}

impl Context {
    /// Gives an event back that was not begun.
    pub(super) async fn give_back(&self, event: &Event, wait: Duration) {
        let (hold, due) = (event.progress.takes, clock::after(wait));
        self.leave(event, Step::GiveBack { hold, due }, None).await;
    }

    /// Lets an event wait for its next attempt, after a random time and at least this
    /// long. After the last attempt it is a dead letter for this reason.
    pub(super) async fn retry(&self, event: &Event, at_least: Duration, last: Reason, error: &str) {
        let Progress {
            takes: hold,
            attempts,
            ..
        } = event.progress;
        let wait = self
            .policy
            .backoff
            .delay(attempts, &mut fastrand::Rng::new());
        let step = Step::Retry {
            hold,
            due: clock::after(wait.max(at_least)),
            allowed: self.policy.attempts,
            last,
        };
        self.leave(event, step, Some(error)).await;
    }

    /// Makes an event a dead letter.
    pub(super) async fn bury(&self, event: &Event, reason: Reason, error: &str) {
        let hold = event.progress.takes;
        self.leave(event, Step::Bury { hold, reason }, Some(error))
            .await;
    }

    /// Ends the hold of an event by this step, and counts what came of it.
    async fn leave(&self, event: &Event, step: Step, error: Option<&str>) {
        let left = insist(self, || self.store.leave(event, step, error)).await;
        let counters = &self.gauges.counters;
        match left.flatten() {
            Some(State::Failed(reason)) => {
                warn!(
                    event = event.id,
                    reason = reason.code(),
                    error,
                    "dead letter"
                );
                counters.buried(reason);
                self.backlog.ended();
            }
            Some(_) if error.is_none() => Counters::add(&counters.given_back),
            Some(_) => Counters::add(&counters.retried),
            None => Counters::add(&counters.lost),
        }
        // It may be due at once, and a cancellation may wait for it.
        self.wake.notify_one();
    }

    /// Sleeps, if there is something to show.
    pub(super) async fn linger(&self, stage: Stage) {
        let time = match stage {
            Stage::Prepare => self.policy.prepare_time,
            Stage::Charge => Duration::ZERO,
            Stage::Settle => self.policy.settle_time,
        };
        if !time.is_zero() {
            time::sleep(time).await;
        }
    }
}

//! Does the work of requests once: claims it, waits for others, and answers
//! from their records. `handler` does the work itself.
//!
//! # Tasks
//!
//! A request whose client disconnects must not leave its work half done, nor a
//! lease that no one holds. So whatever follows a claim that the store has yet
//! to answer, or that was granted, runs in a tracked task. Refusals and replays
//! that the store answers at once need none, because dropping them loses
//! nothing.

use std::{
    future::{pending, poll_fn},
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::task::JoinHandle;
use tracing::Instrument;

use super::{
    body::FromBuffered,
    request::{
        keyed_call::{CallResult, InnerService, KeyedCall},
        request_key::RequestKey,
    },
    retention::replay::not_retained,
    settings::HttpSettings,
};
use crate::{
    deadline,
    idempotency::{
        claimant::{Claimant, Claimed},
        fingerprint::Fingerprint,
        guard::Guard,
        observe::Event,
        record::Record,
        scope::Name,
        store::{Store, StoreError},
        waiting::Caller,
    },
    refusal::{BoxError, Reason, Refusal},
};

/// The error of a record that a [`Runner`](crate::idempotency::Runner) has
/// written under the name of a request.
const NOT_A_RESPONSE: &str = "the idempotency record has no HTTP response: use another namespace \
                              for the layer than for other work";

/// Claims the work of requests, and has it done.
#[derive(Clone, Debug)]
pub(crate) struct Executor<S> {
    pub(crate) claimant: Claimant<S>,
    pub(crate) settings: HttpSettings,
}

/// The result of one claim, and of the work if the claim was granted.
pub(super) enum Attempt<I: InnerService<B>, B> {
    /// The inner service's result, or a replayed response.
    Answered(CallResult<I, B>),
    /// The request is refused, whatever may come later.
    Refused(Refusal),
    /// Another request is running the work, so the call was not used.
    Running {
        /// How long its lease lasts unless it is renewed.
        left: Duration,
        call: Box<KeyedCall<I, B>>,
    },
}

/// The next step after a claim.
enum Dispatch<S: Store, I: InnerService<B>, B> {
    /// Do the work. Without a guard, the store failed and the layer fails open.
    Work(Option<Guard<S>>, Box<KeyedCall<I, B>>),
    /// The claim alone has decided.
    Done(Attempt<I, B>),
}

impl<S: Store> Executor<S> {
    /// Returns the response to a request, or why it is refused.
    pub(super) async fn execute<I, B>(
        self: Arc<Self>,
        request_key: RequestKey,
        call: KeyedCall<I, B>,
    ) -> Result<CallResult<I, B>, Refusal>
    where
        I: InnerService<B>,
        B: FromBuffered<Error: Into<BoxError>> + Send + 'static,
    {
        // Before the claim, so that a client that disconnects while it sends
        // its body claims nothing.
        let (name, fingerprint, call) = call.identify(&self.settings, &request_key).await?;
        let mut call = Box::new(call);
        let mut caller = Caller::new(&self.claimant, self.settings.waiting.as_ref());
        loop {
            let (left, unused) = match self.attempt(name, fingerprint, call).await {
                Attempt::Answered(answer) => return Ok(caller.answered(answer)),
                Attempt::Refused(refusal) => return Err(caller.answered(refusal)),
                Attempt::Running { left, call } => (left, call),
            };
            call = unused;
            if !caller.settled(name, left).await {
                return Err(self.still_running(left));
            }
        }
    }

    /// Claims once, and does the work if the claim is granted.
    ///
    /// If the store answers at once and the work need not run, no task is
    /// spawned. Everything else goes on in a task, so that it ends even if the
    /// client goes.
    async fn attempt<I, B>(
        self: &Arc<Self>,
        name: Name,
        fingerprint: Fingerprint,
        call: Box<KeyedCall<I, B>>,
    ) -> Attempt<I, B>
    where
        I: InnerService<B>,
        B: Send + 'static,
    {
        let executor = Arc::clone(self);
        // It owns an executor, so that it can move into a task.
        let claim = async move { executor.claimant.try_claim(name, fingerprint).await };
        let (executor, mut claim) = (Arc::clone(self), Box::pin(claim));
        match poll_fn(|cx| Poll::Ready(claim.as_mut().poll(cx))).await {
            Poll::Ready(claimed) => match self.dispatch(claimed, call) {
                Dispatch::Work(guard, call) => join(self.spawn(executor.run(guard, call))).await,
                Dispatch::Done(attempt) => attempt,
            },
            Poll::Pending => join(self.spawn(executor.finish(claim, call))).await,
        }
    }

    /// Waits for the store's answer, and does the work if the claim is granted.
    async fn finish<I, B>(
        self: Arc<Self>,
        claim: Pin<Box<impl Future<Output = Result<Claimed<S>, StoreError>>>>,
        call: Box<KeyedCall<I, B>>,
    ) -> Attempt<I, B>
    where
        I: InnerService<B>,
    {
        match self.dispatch(claim.await, call) {
            Dispatch::Work(guard, call) => self.run(guard, call).await,
            Dispatch::Done(attempt) => attempt,
        }
    }

    /// Spawns a tracked task with the current deadline and span.
    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let work = deadline::carry(work).in_current_span();
        self.claimant.tracker().spawn(work)
    }

    /// Decides what follows from a claim.
    fn dispatch<I: InnerService<B>, B>(
        &self,
        claimed: Result<Claimed<S>, StoreError>,
        call: Box<KeyedCall<I, B>>,
    ) -> Dispatch<S, I, B> {
        Dispatch::Done(match claimed {
            Ok(Claimed::Run(guard)) => return Dispatch::Work(Some(guard), call),
            Err(error) if self.settings.opens(&error) => return Dispatch::Work(None, call),
            Ok(Claimed::Replay(record)) => self.replay(record, &call),
            Ok(Claimed::Running { left }) => Attempt::Running { left, call },
            Ok(Claimed::Mismatch) => {
                Attempt::Refused(Refusal::because(Reason::ReusedIdempotencyKey))
            }
            Ok(Claimed::Unknown) => Attempt::Refused(Refusal::because(Reason::UnknownOutcome)),
            Err(error) => {
                Attempt::Refused(Refusal::from_store(Reason::StoreUnavailable, error.into()))
            }
        })
    }

    /// Answers a request from the record of the first one.
    fn replay<I: InnerService<B>, B>(
        &self,
        record: Record,
        call: &KeyedCall<I, B>,
    ) -> Attempt<I, B> {
        let Record::Reply(reply) = record else {
            return Attempt::Refused(Refusal::from_store(
                Reason::StoreUnavailable,
                NOT_A_RESPONSE.into(),
            ));
        };
        let request = call.request.headers();
        match self.settings.replay.response(&reply, request) {
            Some(response) => Attempt::Answered(Ok(response)),
            None => Attempt::Refused(not_retained(&reply)),
        }
    }

    /// Returns the refusal of a duplicate, with the time to try again.
    pub(super) fn still_running(&self, left: Duration) -> Refusal {
        Refusal::later(
            Reason::StillRunning,
            self.settings.latency.retry_after(left),
        )
    }

    /// Tells the observer about a refusal, unless the claim has told it
    /// already.
    pub(super) fn notice(&self, refusal: &Refusal) {
        let event = match refusal.reason() {
            Reason::NoIdempotencyKey => Event::Missing,
            Reason::BadIdempotencyKey => Event::Malformed,
            Reason::NoPrincipal | Reason::NoPeer => Event::Unowned,
            Reason::BodyTooLarge => Event::TooLarge,
            Reason::Overloaded => Event::Overloaded,
            Reason::BadBody => Event::Unreadable,
            Reason::NotRetained => Event::NotRetained,
            _ => return,
        };
        self.claimant.notice(event);
    }
}

/// Waits for a task, and passes its panic on.
async fn join<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(output) => output,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime is being shut down, and drops this future too.
        Err(_) => pending().await,
    }
}

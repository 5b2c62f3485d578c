//! What is done for a request with a key.

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
    body::from_buffered::FromBuffered,
    request::{
        key_extractor::Keyed,
        keyed_call::{Answer, Inner, Job},
    },
    retention::replay::not_retained,
    settings::Terms,
};
use crate::idempotency::{
    claimant::{Claimant, Claimed},
    fingerprint::Fingerprint,
    guard::Guard,
    observe::Event,
    record::Record,
    scope::Name,
    store::{Store, StoreError},
    waiting::{Wait, Waiting},
};
use crate::{
    deadline,
    refusal::{BoxError, Reason, Refusal},
};

/// What is needed to do the work of requests once.
#[derive(Clone, Debug)]
pub(crate) struct Works<S> {
    pub(crate) claimant: Claimant<S>,
    pub(crate) terms: Terms,
}

/// One claim, and what came of it.
pub(super) enum Attempt<I: Inner<B>, B> {
    Answered(Answer<I, B>),
    Refused(Refusal),
    /// Another runs, so the job was not done.
    Running {
        left: Duration,
        job: Box<Job<I, B>>,
    },
}

/// What follows from a claim.
enum Next<S: Store, I: Inner<B>, B> {
    /// To do the work, under a lease if the store has given one.
    Work(Option<Guard<S>>, Box<Job<I, B>>),
    Done(Attempt<I, B>),
}

type Outcome<S> = Result<Claimed<S>, StoreError>;

impl<S: Store> Works<S> {
    /// The answer to a request, or why there is none.
    pub(crate) async fn once<I, B>(
        self: Arc<Self>,
        keyed: Keyed,
        job: Job<I, B>,
    ) -> Result<Answer<I, B>, Refusal>
    where
        I: Inner<B>,
        B: FromBuffered<Error: Into<BoxError>> + Send + 'static,
    {
        let (name, fingerprint, job) = job.read(&self.terms, &keyed).await?;
        let mut job = Box::new(job);
        let mut wait = None;
        loop {
            let (left, unused) = match self.attempt(name, fingerprint, job).await {
                Attempt::Answered(answer) => return Ok(self.ended(answer, &wait)),
                Attempt::Refused(refusal) => return Err(self.ended(refusal, &wait)),
                Attempt::Running { left, job } => (left, job),
            };
            job = unused;
            if !self.settled(&mut wait, name, left).await {
                self.claimant.notice(Event::Running);
                return Err(self.still_running(left));
            }
        }
    }

    /// What a store knows at once needs no task. What it has yet to find out goes
    /// on in one, and so does the work, where nobody can drop it.
    async fn attempt<I, B>(
        self: &Arc<Self>,
        name: Name,
        fingerprint: Fingerprint,
        job: Box<Job<I, B>>,
    ) -> Attempt<I, B>
    where
        I: Inner<B>,
        B: Send + 'static,
    {
        let works = Arc::clone(self);
        let mut claim = Box::pin(Arc::clone(self).claim(name, fingerprint));
        match poll_fn(|cx| Poll::Ready(claim.as_mut().poll(cx))).await {
            Poll::Ready(claimed) => match self.settle(claimed, job) {
                Next::Work(guard, job) => done(self.spawn(works.run(guard, job))).await,
                Next::Done(attempt) => attempt,
            },
            Poll::Pending => done(self.spawn(works.go_on(claim, job))).await,
        }
    }

    /// What is left to be done when the store has yet to answer.
    async fn go_on<I, B>(
        self: Arc<Self>,
        claim: Pin<Box<impl Future<Output = Outcome<S>>>>,
        job: Box<Job<I, B>>,
    ) -> Attempt<I, B>
    where
        I: Inner<B>,
    {
        match self.settle(claim.await, job) {
            Next::Work(guard, job) => self.run(guard, job).await,
            Next::Done(attempt) => attempt,
        }
    }

    async fn claim(self: Arc<Self>, name: Name, fingerprint: Fingerprint) -> Outcome<S> {
        self.claimant.try_claim(name, fingerprint).await
    }

    /// Does it to its end, though the client goes.
    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let work = deadline::carry(work).in_current_span();
        self.claimant.tracker().spawn(work)
    }

    fn settle<I: Inner<B>, B>(&self, claimed: Outcome<S>, job: Box<Job<I, B>>) -> Next<S, I, B> {
        Next::Done(match claimed {
            Ok(Claimed::Run(guard)) => return Next::Work(Some(guard), job),
            Err(error) if self.terms.opens(&error) => return Next::Work(None, job),
            Ok(Claimed::Replay(record)) => self.replay(record, &job),
            Ok(Claimed::Running { left }) => Attempt::Running { left, job },
            Ok(Claimed::Mismatch) => Attempt::Refused(Refusal::reused_idempotency_key()),
            Ok(Claimed::Unknown) => Attempt::Refused(Refusal::unknown_outcome()),
            Err(error) => Attempt::Refused(Refusal::store_unavailable(error.into())),
        })
    }

    fn replay<I: Inner<B>, B>(&self, record: Record, job: &Job<I, B>) -> Attempt<I, B> {
        let Record::Reply(reply) = record else {
            return Attempt::Refused(Refusal::store_unavailable(A_VALUE.into()));
        };
        let request = job.request.headers();
        match self.terms.replaying.response(&reply, request) {
            Some(response) => Attempt::Answered(Ok(response)),
            None => Attempt::Refused(not_retained(&reply)),
        }
    }

    /// Whether it is time to try again.
    async fn settled(&self, wait: &mut Option<Wait>, name: Name, left: Duration) -> bool {
        if wait.is_none() {
            *wait = self.terms.waiting.as_ref().and_then(Waiting::begin);
        }
        match wait {
            Some(wait) => wait.settled(self.claimant.store(), name, left).await,
            None => false,
        }
    }

    fn ended<T>(&self, end: T, wait: &Option<Wait>) -> T {
        if wait.is_some() {
            self.claimant.notice(Event::Waited);
        }
        end
    }

    pub(super) fn still_running(&self, left: Duration) -> Refusal {
        Refusal::still_running(self.terms.typical.retry(left))
    }

    /// Says that a request was refused, where a claim has not said it yet.
    pub(crate) fn notice(&self, refusal: &Refusal) {
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

/// What came of it; a panic is passed on.
async fn done<T>(work: JoinHandle<T>) -> T {
    match work.await {
        Ok(done) => done,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime is shut down, and this goes with it.
        Err(_) => pending().await,
    }
}

const A_VALUE: &str = "the record is no answer of HTTP";

//! A check that is under way.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    runtime::{Handle, Id},
    sync::oneshot,
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::{
    client::Shared,
    queue::{Reply, Route},
    request::{Ask, Bucket},
    wait::{InLine, Place},
};
use crate::{
    clock::Tick,
    key::StoreKey,
    limit::{
        all::Asked,
        decision::Decision,
        fallback::Policy,
        limiter::{Check, Wait},
        local::Turn,
        rules::{
            quota::Cost,
            script::{Operation, Scripted},
        },
    },
    redis::Error,
};

/// A question under way.
pub(super) enum Asking {
    Direct(Pin<Box<dyn Future<Output = Reply> + Send>>),
    Queued(Queued),
    Failed(Option<Error>),
}

impl Future for Asking {
    type Output = Reply;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        match self.get_mut() {
            Self::Direct(call) => call.as_mut().poll(cx),
            Self::Queued(queued) => queued.poll(cx),
            Self::Failed(error) => {
                let error = error.take().expect("polled after it was done");
                Poll::Ready(Err(error))
            }
        }
    }
}

/// A question that others ask.
pub(super) struct Queued {
    answer: oneshot::Receiver<Reply>,
    until: Instant,
    within: Duration,
    /// From the first poll on.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Queued {
    /// Who asks may be held up, or on another runtime than who waits, so whoever waits
    /// looks at the clock, too.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reply> {
        if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(cx) {
            return Poll::Ready(answer.unwrap_or_else(|_| Err(Error::no_runtime())));
        }
        let until = self.until;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(Error::late(self.within)))
    }
}

impl<R: Scripted> Shared<R> {
    /// Asks. Who waits for its turn asks with others, whose task gives its
    /// booking back if the asker is gone when the answer comes.
    pub(super) fn begin(self: &Arc<Self>, bucket: Bucket, entry: Operation, waits: bool) -> Asking {
        if let Some(error) = self.connection.rejection() {
            return Asking::Failed(Some(error));
        }
        let ask = self.ask(bucket, entry);
        match Handle::try_current() {
            Ok(runtime) => self.begin_on(&runtime, ask, !waits),
            // On whichever runtime polls it.
            Err(_) => {
                let shared = self.clone();
                Asking::Direct(Box::pin(async move {
                    let runtime = Handle::try_current().map_err(|_| Error::no_runtime())?;
                    shared.begin_on(&runtime, ask, !waits).await
                }))
            }
        }
    }

    fn begin_on(self: &Arc<Self>, runtime: &Handle, ask: Ask, alone: bool) -> Asking {
        match self.route(runtime, ask, alone) {
            Ok(Route::Direct(ask)) => {
                let way = Way(self.clone(), runtime.id());
                Asking::Direct(Box::pin(async move { way.0.ask_alone(ask).await }))
            }
            Ok(Route::Queued(answer, until)) => Asking::Queued(Queued {
                answer,
                until,
                within: self.connection.timeout(),
                sleep: None,
            }),
            Err(error) => Asking::Failed(Some(error)),
        }
    }

    /// Takes the cost, or with patience waits for it; without saying anything
    /// of patience, answers what the rule says.
    pub(super) fn check<P, K>(
        self: &Arc<Self>,
        policy: &P,
        key: &K,
        cost: Cost,
        patience: Option<Wait>,
    ) -> Check<Checking<R, P>>
    where
        P: Policy,
        K: StoreKey + std::hash::Hash + ?Sized,
    {
        let bucket = self.bucket(key);
        if let Some(decision) = self.spend(&bucket, cost) {
            return Check::Now(decision);
        }
        let mut wait = self.longest_wait(bucket.key, patience);
        if let Some(denial) = self.recall(bucket.key, cost, wait) {
            return Check::Now(denial);
        }
        let bounded = patience.filter(|_| wait > 0);
        let line =
            bounded.and_then(|patience| InLine::join(self, bucket.key, patience.max_queue()));
        if bounded.is_some() && line.is_none() {
            wait = 0;
        }
        let terms = Terms {
            policy: policy.clone(),
            ticket: policy.ticket(key),
            asked: Asked {
                cost,
                wait: patience,
            },
        };
        let waits = line.is_some();
        let waiter = line.map(|line| (bucket.clone(), line));
        let entry = self.entry(cost, wait, patience);
        let asking = self.begin(bucket, entry, waits);
        Check::Later(Checking {
            shared: self.clone(),
            terms,
            stage: Stage::Asking(asking, waiter),
        })
    }

    /// A queue has to be told of a caller who does not wait at all, or else it
    /// would book a place for one.
    pub(super) fn entry(&self, cost: Cost, wait: Tick, patience: Option<Wait>) -> Operation {
        match wait {
            0 if patience.is_none() || !self.rule.queues() => Operation::Check(cost),
            wait => Operation::Reserve(1, cost, wait),
        }
    }

    pub(super) fn longest_wait(&self, key: u64, patience: Option<Wait>) -> Tick {
        // What is out could come back to be booked by somebody else before.
        if self.leases.is_some() {
            return 0;
        }
        let own = if self.rule.queues() { Tick::MAX } else { 0 };
        let Some(patience) = patience else {
            return own;
        };
        // Most do not wait, and need not look at the line.
        match patience.longest(own) {
            wait if wait > 0 && self.lines.len(key) >= patience.max_queue() => 0,
            wait => wait,
        }
    }
}

/// Lets the next caller of this runtime call for itself when this one is done.
struct Way<R: Scripted>(Arc<Shared<R>>, Id);

impl<R: Scripted> Drop for Way<R> {
    fn drop(&mut self) {
        self.0.left(self.1);
    }
}

/// A check that is under way; and then its wait, if it has to wait.
///
/// Dropped while it waits, it gives its place back, unless somebody has booked
/// behind it: then its place lapses.
#[must_use = "futures do nothing unless polled; dropped, its place is given back"]
pub struct Checking<R: Scripted, P: Policy> {
    shared: Arc<Shared<R>>,
    terms: Terms<P>,
    stage: Stage<R>,
}

/// What has to be known if Redis does not answer.
pub(super) struct Terms<P> {
    pub(super) policy: P,
    pub(super) ticket: u64,
    pub(super) asked: Asked,
}

enum Stage<R: Scripted> {
    /// With the bucket and a place in its line, if it may have to wait.
    Asking(Asking, Option<(Bucket, InLine<R>)>),
    Waiting(Pin<Box<Sleep>>, Place<R>),
    Instead(Turn),
}

impl<R: Scripted, P: Policy> Unpin for Checking<R, P> {}

impl<R: Scripted, P: Policy> Future for Checking<R, P> {
    type Output = Result<Decision, P::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.stage {
                // ## Asking => (done | Waiting | Instead)
                Stage::Asking(asking, waiter) => {
                    let answer = ready!(Pin::new(asking).poll(cx));
                    let waiter = waiter.take();
                    match this.answered(answer, waiter) {
                        Next::Done(answer) => return Poll::Ready(answer),
                        Next::Stage(stage) => this.stage = stage,
                    }
                }
                // ## Waiting => done
                Stage::Waiting(sleep, place) => {
                    ready!(sleep.as_mut().poll(cx));
                    return Poll::Ready(Ok(place.taken()));
                }
                // ## Instead => done
                Stage::Instead(turn) => {
                    let Ok(decision) = ready!(Pin::new(turn).poll(cx));
                    return Poll::Ready(Ok(decision));
                }
            }
        }
    }
}

enum Next<R: Scripted, E> {
    Done(Result<Decision, E>),
    Stage(Stage<R>),
}

impl<R: Scripted, P: Policy> Checking<R, P> {
    fn answered(&self, answer: Reply, waiter: Option<(Bucket, InLine<R>)>) -> Next<R, P::Error> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.instead(error),
        };
        match (answer.wait(), waiter) {
            (Some(wait), Some((bucket, line))) => {
                let place = Place::new(line, bucket, self.terms.asked.cost, answer);
                Next::Stage(Stage::Waiting(
                    Box::pin(sleep(Duration::from_micros(wait))),
                    place,
                ))
            }
            _ => Next::Done(Ok(answer.decision)),
        }
    }

    fn instead(&self, error: Error) -> Next<R, P::Error> {
        let Terms {
            policy,
            ticket,
            asked,
        } = &self.terms;
        let error = self.shared.fell_back(error);
        let unseen = self.shared.unseen(asked.cost);
        match policy.check(*ticket, *asked, unseen, error) {
            Ok(Check::Now(decision)) => Next::Done(Ok(decision)),
            Ok(Check::Later(turn)) => Next::Stage(Stage::Instead(turn)),
            Err(error) => Next::Done(Err(error)),
        }
    }
}

/// Dropped when its answer had come, but was not looked at, it gives its place
/// back, too.
impl<R: Scripted, P: Policy> Drop for Checking<R, P> {
    fn drop(&mut self) {
        let Stage::Asking(Asking::Queued(queued), Some((bucket, _))) = &mut self.stage else {
            return;
        };
        queued.answer.close();
        if let Ok(Ok(answer)) = queued.answer.try_recv() {
            self.shared
                .give_back(bucket.clone(), self.terms.asked.cost, &answer);
        }
    }
}

impl<R: Scripted, P: Policy> fmt::Debug for Checking<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Asking(..) => "Asking",
            Stage::Waiting(..) => "Waiting",
            Stage::Instead(..) => "Instead",
        };
        f.debug_struct("Checking").field("stage", &stage).finish()
    }
}

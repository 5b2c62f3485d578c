//! The work itself, under its lease.

use std::{any::Any, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response, Version};
use http_body::Body as HttpBody;
use tokio::time::Instant;
use tracing::Instrument;

use super::executor::{Attempt, Works};
use super::{
    body::{buffered::IsRead, response_body::ResponseBody, tee::Tee},
    request::keyed_call::{Inner, Job},
    retention::{
        completion::Keeper,
        policy::{Fate, Keeping},
    },
};
use crate::{
    content::Allowed,
    deadline,
    idempotency::{guard::Guard, observe::Event, record::Body, runner::OnError, store::Store},
    refusal::{BoxError, PassedRequest, Refusal},
};

/// An answer; nothing if it does not count, for another has the lease.
type Counting<B> = Option<Response<ResponseBody<B>>>;

impl<S: Store> Works<S> {
    /// Without a guard, it is done though nobody can say whether it was before.
    pub(super) async fn run<I: Inner<B>, B>(
        self: Arc<Self>,
        guard: Option<Guard<S>>,
        mut job: Box<Job<I, B>>,
    ) -> Attempt<I, B> {
        let Some(guard) = guard else {
            self.claimant.notice(Event::FailedOpen);
            return Attempt::Answered(job.call().await.map(free));
        };
        let lease = guard.lease().clone();
        job.request.extensions_mut().insert(lease);
        let entry = Entry {
            passed: PassedRequest::marked(job.request.extensions_mut()),
            is_read: job.is_read.clone(),
            allowed: Allowed::to(job.request.method()),
            version: job.request.version(),
        };
        let begun = Instant::now();
        let answer = job.call().await;
        self.terms.typical.learn(begun.elapsed());
        match answer {
            Ok(response) => match self.keep(guard, &entry, response).await {
                Some(response) => Attempt::Answered(Ok(response)),
                None => Attempt::Refused(self.still_running(Duration::MAX)),
            },
            Err(error) => {
                if self.is_undone(&entry, &error) {
                    guard.release().await;
                }
                Attempt::Answered(Err(error))
            }
        }
    }

    /// An error tells nothing of how far the work came, unless it was refused before
    /// it began.
    fn is_undone<E: 'static>(&self, entry: &Entry, error: &E) -> bool {
        self.terms.on_error == OnError::Release
            || refusal_in(error).is_some_and(|it| entry.is_refused_by(it))
    }

    async fn keep<B>(&self, guard: Guard<S>, entry: &Entry, response: Response<B>) -> Counting<B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let terms = &self.terms;
        let keeping = Keeping {
            takeover: self.claimant.takeover,
            ..terms.keeping
        };
        let fate = keeping.fate(&response, |it| entry.is_refused_by(it));
        let keeper = Keeper {
            guard,
            reply: terms.replaying.reply(response.status(), response.headers()),
            fate,
            keeping,
        };
        if matches!(fate, Fate::Store | Fate::InTrailers) {
            return self.tee(keeper, entry, response).await;
        }
        let counts = keeper.end(Body::Omitted, &HeaderMap::new()).await;
        counts.then(|| free(response))
    }

    /// A body that is there at once is kept before its head is passed on, and any
    /// other before its end is.
    async fn tee<B>(
        &self,
        mut keeper: Keeper<S>,
        entry: &Entry,
        response: Response<B>,
    ) -> Counting<B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let (head, body) = response.into_parts();
        let (most, budget) = (self.terms.max_response_body, &self.terms.budget);
        let mut tee = Tee::new(&head, entry.allowed, body, most, budget);
        if !tee.gather().await {
            let (mouth, pipe) = tee.pipe(entry.version);
            let pump = deadline::carry(tee.pump(keeper, mouth)).in_current_span();
            drop(self.claimant.tracker().spawn(pump));
            return Some(Response::from_parts(head, ResponseBody::piped(pipe)));
        }
        keeper.hear(tee.last_words());
        let whole = tee.into_whole();
        let body = Body::Kept(whole.bytes().clone());
        let counts = keeper.end(body, whole.trailers()).await;
        let body = ResponseBody::whole(whole);
        counts.then(|| Response::from_parts(head, body))
    }
}

fn free<B>(response: Response<B>) -> Response<ResponseBody<B>> {
    response.map(ResponseBody::free)
}

/// What is known of the request once the handler has it.
struct Entry {
    /// Whether it got as far as the handler.
    passed: PassedRequest,
    is_read: IsRead,
    /// What its method allows the response to have.
    allowed: Allowed,
    version: Version,
}

impl Entry {
    /// Whether the handler was not entered, because a layer of this crate between it
    /// and this one refused. A handler that passes its own request on, marks and all,
    /// has most often read it first.
    fn is_refused_by(&self, refusal: &Refusal) -> bool {
        let is_own = self.passed.is_refused_by(refusal) == Some(true);
        is_own && refusal.is_before_work() && !self.is_read.get()
    }
}

/// The refusal that an error is, which may be boxed.
fn refusal_in<E: 'static>(error: &E) -> Option<&Refusal> {
    let error: &dyn Any = error;
    let boxed: Option<&BoxError> = error.downcast_ref();
    let refusal: Option<&Refusal> = error.downcast_ref();
    refusal.or_else(|| boxed?.downcast_ref())
}

//! The work itself, under its lease.

use std::{any::Any, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Body as HttpBody;
use tokio::time::Instant;
use tracing::Instrument;

use super::{Attempt, Works};
use crate::{
    deadline,
    idempotency::{
        body::ResponseBody,
        guard::Guard,
        job::{Inner, Job},
        keeper::Keeper,
        keeping::Fate,
        observe::Event,
        pipe::pipe,
        record::Body,
        run_once::OnError,
        store::Store,
        tee::Tee,
    },
    refusal::{BoxError, Refusal},
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
        let begun = Instant::now();
        let answer = job.call().await;
        self.terms.typical.learn(begun.elapsed());
        match answer {
            Ok(response) => match self.keep(guard, response).await {
                Some(response) => Attempt::Answered(Ok(response)),
                None => Attempt::Refused(self.still_running(Duration::MAX)),
            },
            Err(error) => {
                if self.is_undone(&error) {
                    guard.release().await;
                }
                Attempt::Answered(Err(error))
            }
        }
    }

    /// An error tells nothing of how far the work came, unless it was refused before
    /// it began.
    fn is_undone<E: 'static>(&self, error: &E) -> bool {
        self.terms.on_error == OnError::Release || is_refusal(error)
    }

    async fn keep<B>(&self, guard: Guard<S>, response: Response<B>) -> Counting<B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let (terms, fate) = (&self.terms, self.terms.keeping.fate(&response));
        let keeper = Keeper {
            guard,
            reply: terms.replaying.reply(response.status(), response.headers()),
            fate,
            keeping: terms.keeping,
        };
        if matches!(fate, Fate::Store | Fate::InTrailers) {
            return self.tee(keeper, response).await;
        }
        let counts = keeper.end(Body::Omitted, &HeaderMap::new()).await;
        counts.then(|| free(response))
    }

    /// A body that is there at once is kept before its head is passed on, and any
    /// other before its end is.
    async fn tee<B>(&self, keeper: Keeper<S>, response: Response<B>) -> Counting<B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let (head, body) = response.into_parts();
        let mut tee = Tee::new(&head.headers, body, self.terms.max_response_body);
        if !tee.gather().await {
            let (mouth, pipe) = pipe(tee.length());
            let pump = deadline::carry(tee.pump(keeper, mouth)).in_current_span();
            drop(self.claimant.tracker().spawn(pump));
            return Some(Response::from_parts(head, ResponseBody::piped(pipe)));
        }
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

/// Whether this crate refused it before it began, by an error that may be boxed.
fn is_refusal<E: 'static>(error: &E) -> bool {
    let error: &dyn Any = error;
    let boxed: Option<&BoxError> = error.downcast_ref();
    let refusal: Option<&Refusal> = error.downcast_ref();
    let refusal = refusal.or_else(|| boxed?.downcast_ref());
    refusal.is_some_and(Refusal::is_before_work)
}

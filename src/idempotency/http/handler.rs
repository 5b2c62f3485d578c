//! Does the work of a request under its lease, and decides what is kept of the
//! response. `executor` calls it for each claim that was granted.
//!
//! The store is told before the client sees the end of the response. Otherwise
//! a crash in between would let a retry run the work again although the client
//! has its response.

use std::{any::Any, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response, Version};
use http_body::Body as HttpBody;
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    body::{ResponseBody, buffered::ReadFlag, tee::BodyTee},
    executor::{Attempt, Executor},
    future::wrap_body,
    request::keyed_call::{InnerService, KeyedCall},
    retention::{
        completion::CompletionHandle,
        policy::{Retention, RetentionPolicy},
    },
};
use crate::{
    content::BodyAllowed,
    deadline,
    idempotency::{guard::Guard, observe::Event, record::Body, runner::OnError, store::Store},
    refusal::{BoxError, PassedRequest, Refusal},
};

impl<S: Store> Executor<S> {
    /// Does the work. Without a guard, it is done although the store failed,
    /// and nothing is kept.
    pub(super) async fn run<I: InnerService<B>, B>(
        self: Arc<Self>,
        guard: Option<Guard<S>>,
        mut call: Box<KeyedCall<I, B>>,
    ) -> Attempt<I, B> {
        let Some(guard) = guard else {
            self.claimant.notice(Event::FailedOpen);
            return Attempt::Answered(wrap_body(call.run().await));
        };
        let lease = guard.lease().clone();
        call.request.extensions_mut().insert(lease);
        let context = CallContext {
            passed: PassedRequest::marked(call.request.extensions_mut()),
            read: call.read.clone(),
            allowed: BodyAllowed::to(call.request.method()),
            version: call.request.version(),
        };
        // From here on the handler may have begun, and only its answer says how
        // far it came. A panic or a drop leaves the guard to lapse.
        let begun = Instant::now();
        // Up to the head: a body is streamed for as long as its client likes.
        let answer = call.run().await;
        self.settings.latency.record(begun.elapsed());
        match answer {
            Ok(response) => match self.keep(guard, &context, response).await {
                Some(response) => Attempt::Answered(Ok(response)),
                None => Attempt::Refused(self.still_running(Duration::MAX)),
            },
            Err(error) => {
                if self.is_released(&context, &error) {
                    guard.release().await;
                }
                Attempt::Answered(Err(error))
            }
        }
    }

    /// Returns whether an error gives the work back: if the setting says so, or
    /// if a layer in between refused the request before the work.
    fn is_released<E: 'static>(&self, context: &CallContext, error: &E) -> bool {
        self.settings.on_error == OnError::Release
            || refusal_in(error).is_some_and(|it| context.is_refused_by(it))
    }

    /// Decides what is kept. Returns the response for the client; `None` if
    /// another holder has taken over the lease, so that its response counts.
    async fn keep<B>(
        &self,
        guard: Guard<S>,
        context: &CallContext,
        response: Response<B>,
    ) -> Option<Response<ResponseBody<B>>>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let policy = RetentionPolicy {
            takeover: self.claimant.takeover_policy(),
            ..self.settings.retention
        };
        let retention = policy.decide(&response, |it| context.is_refused_by(it));
        let replay = &self.settings.replay;
        let completion = CompletionHandle {
            guard,
            reply: replay.reply(response.status(), response.headers()),
            retention,
            policy,
        };
        if matches!(retention, Retention::Store | Retention::ByTrailers) {
            return self.keep_body(completion, context, response).await;
        }
        let counts = completion.finish(Body::Omitted, &HeaderMap::new()).await;
        counts.then(|| response.map(ResponseBody::inner))
    }

    /// Keeps a body that is ready at once before its head is passed on, and any
    /// other before its end is.
    async fn keep_body<B>(
        &self,
        mut completion: CompletionHandle<S>,
        context: &CallContext,
        response: Response<B>,
    ) -> Option<Response<ResponseBody<B>>>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let (head, body) = response.into_parts();
        let (cap, budget) = (self.settings.max_response_body, &self.settings.budget);
        let mut tee = BodyTee::new(&head, context.allowed, body, cap, budget);
        if !tee.gather().await {
            let (sender, receiver) = tee.channel(context.version);
            let pump = deadline::carry(tee.pump(completion, sender)).in_current_span();
            drop(self.claimant.tracker().spawn(pump));
            let body = ResponseBody::channel(receiver);
            return Some(Response::from_parts(head, body));
        }
        completion.read_status(tee.status_trailers());
        let buffered = tee.into_buffered();
        let body = Body::Kept(buffered.bytes().clone());
        let counts = completion.finish(body, buffered.trailers()).await;
        let body = ResponseBody::buffered(buffered);
        counts.then(|| Response::from_parts(head, body))
    }
}

/// The parts of a request that are needed after the handler was given it.
struct CallContext {
    /// Recognises refusals of this very request.
    passed: PassedRequest,
    /// Whether the handler has read the body.
    read: ReadFlag,
    /// Whether the response may have a body, by the request's method.
    allowed: BodyAllowed,
    /// Tells a streamed body how its server sends frames.
    version: Version,
}

impl CallContext {
    /// Returns whether a layer of this crate, between this one and the handler,
    /// refused the request before the handler saw it.
    ///
    /// A handler that passes its own request on, marks included, has usually
    /// read the body before.
    fn is_refused_by(&self, refusal: &Refusal) -> bool {
        let is_own = refusal.answers(&self.passed) == Some(true);
        is_own && refusal.is_before_work() && !self.read.is_set()
    }
}

/// Returns the refusal that an error is, boxed or not.
fn refusal_in<E: 'static>(error: &E) -> Option<&Refusal> {
    let error: &dyn Any = error;
    let boxed: Option<&BoxError> = error.downcast_ref();
    let refusal: Option<&Refusal> = error.downcast_ref();
    refusal.or_else(|| boxed?.downcast_ref())
}

//! The inner service's body with the scope of its request. The response body
//! polls it, directly or through an expiring body.
//!
//! A lazy body runs code of the handler when it is polled. That code sees the
//! same deadline and the same cancellation as the handler did.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame};

use crate::{deadline::enforce::request_scope::RequestScope, refusal::BoxError};

/// A body that is polled in the scope of its request.
pub(crate) struct ScopedBody<B> {
    pub(crate) body: B,
    pub(crate) scope: RequestScope,
}

/// The result of one poll of a body.
pub(super) enum BodyPoll<D> {
    Pending,
    /// A frame that is not the last one.
    Frame(Frame<D>),
    /// The end, with the last frame if there is one.
    End(Option<Frame<D>>),
    Failed(BoxError),
}

impl<B: Body<Error: Into<BoxError>> + Unpin> ScopedBody<B> {
    /// Polls the body. At its end, nothing of the request can be cancelled any
    /// more.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> BodyPoll<B::Data> {
        let Self { body, scope } = self;
        let entered = scope.enter();
        let polled = Pin::new(&mut *body).poll_frame(cx);
        entered.end();
        match polled {
            Poll::Pending => BodyPoll::Pending,
            Poll::Ready(Some(Err(error))) => BodyPoll::Failed(error.into()),
            Poll::Ready(Some(Ok(frame))) if !body.is_end_stream() => BodyPoll::Frame(frame),
            Poll::Ready(last) => {
                scope.done();
                BodyPoll::End(last.and_then(Result::ok))
            }
        }
    }
}

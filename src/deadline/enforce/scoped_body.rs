//! The body of an answer with what is known of its request, polled by the body
//! of the layer and by the one that a deadline may end.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame};

use super::request_scope::Errand;
use crate::refusal::BoxError;

pub(super) struct Running<B> {
    pub(super) body: B,
    pub(super) errand: Errand,
}

/// What came of a poll.
pub(super) enum Step<D> {
    Pending,
    Frame(Frame<D>),
    /// The end, with the last frame or without one.
    End(Option<Frame<D>>),
    Failed(BoxError),
}

impl<B: Body<Error: Into<BoxError>> + Unpin> Running<B> {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Step<B::Data> {
        let Self { body, errand } = self;
        match errand.run(|| Pin::new(&mut *body).poll_frame(cx)) {
            Poll::Pending => Step::Pending,
            Poll::Ready(Some(Err(error))) => Step::Failed(error.into()),
            Poll::Ready(Some(Ok(frame))) if !body.is_end_stream() => Step::Frame(frame),
            Poll::Ready(last) => {
                errand.done();
                Step::End(last.and_then(Result::ok))
            }
        }
    }
}

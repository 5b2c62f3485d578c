//! The body of a response that still has its permit.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::held_response::HeldResponse;
use crate::{
    body_end::poll_to_end,
    criticality::{Criticality, Running},
    refusal::FromText,
};

pin_project! {
    /// The inner service's body, whose end gives the permit back.
    ///
    /// The body has ended when its last frame is taken, which is before the
    /// client has received it. If the body is dropped before, the permit goes
    /// back then.
    pub struct ResponseBody<B> {
        // Dropped before the permit goes back.
        #[pin]
        inner: B,
        // `None` once the permit went back.
        held: Option<HeldResponse>,
        // The level that the body runs at.
        level: Option<Criticality>,
    }
}

impl<B> ResponseBody<B> {
    #[inline]
    pub(super) fn new(inner: B, held: Option<HeldResponse>, level: Option<Criticality>) -> Self {
        Self { inner, held, level }
    }

    /// Returns a body without a permit.
    #[inline]
    pub(super) fn free(inner: B) -> Self {
        Self::new(inner, None, None)
    }
}

impl<B: Body<Error: 'static>> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let running = this.level.map(|level| Running::at(Some(level)));
        let polled = poll_to_end(this.inner, this.held, cx);
        drop(running);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::free(B::default())
    }
}

impl<B: FromText> FromText for ResponseBody<B> {
    fn from_text(text: String) -> Self {
        Self::free(B::from_text(text))
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("has_permit", &self.held.is_some())
            .finish_non_exhaustive()
    }
}

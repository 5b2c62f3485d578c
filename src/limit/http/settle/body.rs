//! The body of a response whose request is still to be settled.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{actual_cost::ActualCost, settlement::Settlement};
use crate::{body_end::poll_to_end, refusal::FromText};

pin_project! {
    /// The inner service's body, at whose end the request is settled.
    ///
    /// The body has ended when its last frame is taken, which is before the
    /// client has received it. If the body is dropped before, the request was
    /// cut off.
    pub struct SettledBody<B, F: ActualCost> {
        #[pin]
        inner: B,
        // `None` once it is settled, and if nothing is held.
        settlement: Option<Settlement<F>>,
    }
}

impl<B, F: ActualCost> SettledBody<B, F> {
    pub(super) fn new(inner: B, settlement: Option<Settlement<F>>) -> Self {
        Self { inner, settlement }
    }
}

impl<B, F> Body for SettledBody<B, F>
where
    B: Body<Error: 'static>,
    F: ActualCost,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        poll_to_end(this.inner, this.settlement, cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Default, F: ActualCost> Default for SettledBody<B, F> {
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}

impl<B: FromText, F: ActualCost> FromText for SettledBody<B, F> {
    fn from_text(text: String) -> Self {
        Self::new(B::from_text(text), None)
    }
}

impl<B, F: ActualCost> fmt::Debug for SettledBody<B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettledBody")
            .field("settled", &self.settlement.is_none())
            .finish_non_exhaustive()
    }
}

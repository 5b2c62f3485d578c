//! The future of a counted HTTP request.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{body::ResponseBody, classify::Classify, on_panic, span::RequestSpan};

pin_project! {
    /// The future of the inner service. Its response has a body that is still
    /// counted.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C = ()> {
        #[pin]
        pub(super) inner: F,
        // `None` for a request that is exempt.
        pub(super) span: Option<RequestSpan<C>>,
    }
}

impl<F, B, E, C> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: 'static,
    C: Classify,
{
    type Output = Result<Response<ResponseBody<B, C>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let watch = on_panic::watch(this.span, RequestSpan::panic);
        let polled = this.inner.poll(cx);
        watch.returned();
        let answer = ready!(polled);
        // Taken before the response is looked at: from here on the span counts
        // the end, even if a user's classifier panics.
        let span = this.span.take();
        Poll::Ready(match answer {
            Ok(response) => {
                let span = span.and_then(|span| span.head(&response));
                Ok(response.map(|body| ResponseBody::new(body, span)))
            }
            Err(error) => {
                if let Some(span) = span {
                    span.fail(&error);
                }
                Err(error)
            }
        })
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    debug_opaque!(ResponseFuture);
}

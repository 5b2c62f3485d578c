//! The future of an [`Idempotency`](crate::idempotency::Idempotency) service.
//!
//! A request without a key must stay cheap, so its future is that of the inner
//! service and one comparison more. Everything else is boxed: it calls a store,
//! and most of it runs in a task anyway.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use super::body::ResponseBody;

/// The output of the future.
type ResponseResult<B, E> = Result<Response<ResponseBody<B>>, E>;

pin_project! {
    /// Resolves to the response of the inner service, a replayed one, or a
    /// refusal.
    ///
    /// If it is dropped, work that was begun goes on.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B, E> {
        #[pin]
        state: State<F, B, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B, E> {
        /// The request has nothing to do with keys.
        Inner {
            #[pin]
            response: F,
        },
        /// Boxed, because it is large, and a call to a store costs more anyway.
        Keyed {
            response: Pin<Box<dyn Future<Output = ResponseResult<B, E>> + Send>>,
        },
    }
}

impl<F, B, E> ResponseFuture<F, B, E> {
    /// Creates the future of a request that has nothing to do with keys.
    #[inline]
    pub(super) fn inner(response: F) -> Self {
        let state = State::Inner { response };
        Self { state }
    }

    /// Creates the future of a request that is refused, replayed or executed.
    pub(super) fn keyed(
        response: impl Future<Output = ResponseResult<B, E>> + Send + 'static,
    ) -> Self {
        let response = Box::pin(response);
        let state = State::Keyed { response };
        Self { state }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = ResponseResult<B, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            // ## Inner => done
            StateProj::Inner { response } => response.poll(cx).map(wrap_body),
            // ## Keyed => done
            StateProj::Keyed { response } => response.as_mut().poll(cx),
        }
    }
}

/// Wraps the body of a response that is not kept.
#[inline]
pub(super) fn wrap_body<B, E>(result: Result<Response<B>, E>) -> ResponseResult<B, E> {
    result.map(|response| response.map(ResponseBody::inner))
}

impl<F, B, E> fmt::Debug for ResponseFuture<F, B, E> {
    debug_state!(ResponseFuture, State, Inner, Keyed);
}

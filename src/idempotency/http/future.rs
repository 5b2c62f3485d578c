//! The future of an [`Idempotency`](crate::idempotency::Idempotency) service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use super::body::response_body::ResponseBody;

type Answer<B, E> = Result<Response<ResponseBody<B>>, E>;

pin_project! {
    /// The answer of the inner service, one that is kept, or a refusal.
    ///
    /// Dropped, it leaves work that was begun to go on.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B, E> {
        #[pin]
        state: State<F, B, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B, E> {
        Free {
            #[pin]
            response: F,
        },
        // Boxed, for it is large, and goes by way of a store.
        Once {
            answer: Pin<Box<dyn Future<Output = Answer<B, E>> + Send>>,
        },
    }
}

impl<F, B, E> ResponseFuture<F, B, E> {
    #[inline]
    pub(crate) fn free(response: F) -> Self {
        Self {
            state: State::Free { response },
        }
    }

    pub(crate) fn once(answer: impl Future<Output = Answer<B, E>> + Send + 'static) -> Self {
        let answer = Box::pin(answer);
        Self {
            state: State::Once { answer },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Answer<B, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            // ## Free => done
            StateProj::Free { response } => response.poll(cx).map(free),
            // ## Once => done
            StateProj::Once { answer } => answer.as_mut().poll(cx),
        }
    }
}

#[inline]
pub(crate) fn free<B, E>(answer: Result<Response<B>, E>) -> Answer<B, E> {
    answer.map(|response| response.map(ResponseBody::free))
}

impl<F, B, E> fmt::Debug for ResponseFuture<F, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Free { .. } => "Free",
            State::Once { .. } => "Once",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish()
    }
}

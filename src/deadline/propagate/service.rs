use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    body::ResponseBody,
    future::ResponseFuture,
    header::content_type,
    readiness::Readiness,
    terms::{Asker, Fate, Shared},
};
use crate::refusal::{Answer, NoText, Refuse};

/// A client that tells callees how long they have; made by a
/// [`PropagateDeadlineLayer`](super::PropagateDeadlineLayer).
///
/// Readiness is the inner service's, up to the current deadline: when that has
/// passed, it is ready to refuse the call. Nothing is reserved in `poll_ready`.
pub struct PropagateDeadline<S, A = Answer<NoText>> {
    inner: S,
    shared: Arc<Shared<A>>,
    readiness: Readiness,
}

impl<S, A> PropagateDeadline<S, A> {
    pub(super) fn new(inner: S, shared: Arc<Shared<A>>) -> Self {
        Self {
            inner,
            shared,
            readiness: Readiness::default(),
        }
    }

    inner_accessors!(S);
}

impl<S, B, R, A> Service<Request<B>> for PropagateDeadline<S, A>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body,
    A: Refuse<Request<()>, Response<ResponseBody<R>>, S::Error>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, A>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let inner = self.inner.poll_ready(cx);
        self.readiness.poll(inner, self.shared.terms.call_max, cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        let content_type = content_type(req.headers()).cloned();
        let over = self.readiness.take_over();
        let fate = match over {
            Some(_) => Fate::Late,
            None => self.shared.terms.tell(content_type.as_ref(), &mut req),
        };
        match fate {
            Fate::Free => ResponseFuture::free(self.inner.call(req)),
            Fate::Bounded(bound) => {
                let asker = Asker::new(self.shared.clone(), content_type);
                ResponseFuture::bounded(self.inner.call(req), bound, asker)
            }
            Fate::Late => {
                // What the service has reserved, or waits for, is not used: it goes too.
                self.inner = self.inner.clone();
                let is_own = over.is_some_and(|over| over.is_own);
                let asker = Asker::new(self.shared.clone(), content_type);
                ResponseFuture::late(asker, is_own)
            }
        }
    }
}

impl<S: Clone, A> Clone for PropagateDeadline<S, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: self.shared.clone(),
            readiness: Readiness::default(),
        }
    }
}

impl<S: fmt::Debug, A: fmt::Debug> fmt::Debug for PropagateDeadline<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropagateDeadline")
            .field("inner", &self.inner)
            .field("terms", &self.shared.terms)
            .field("answer", &self.shared.answer)
            .finish()
    }
}

//! The service that a [`ThrottleLayer`](super::ThrottleLayer) makes.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tokio::time::Instant;
use tower_service::Service;

use super::{
    call::PendingCall, future::ResponseFuture, observe::Event, settings::ThrottleSettings,
    window::CallWindow,
};
use crate::{
    client::{authority::ByAuthority, body::ResponseBody, peers::KeyedPeers},
    criticality::{self, Criticality},
    key::Key,
    refusal::{Answer, NoText, Origin, Reason, Refusal, Refuse},
};

/// A client that refuses calls to an overloaded server; made by a
/// [`ThrottleLayer`](super::ThrottleLayer).
///
/// It is ready when the inner service is ready, and reserves nothing in
/// `poll_ready`. Clones share the counts. A refused call drops the ready
/// instance, which gives back whatever its readiness has reserved.
#[derive(Clone)]
pub struct Throttle<S, K = ByAuthority, A = Answer<NoText>> {
    inner: S,
    peers: Arc<KeyedPeers<K, CallWindow>>,
    settings: Arc<ThrottleSettings>,
    answer: A,
}

impl<S, K, A> Throttle<S, K, A> {
    pub(super) fn new(
        inner: S,
        peers: Arc<KeyedPeers<K, CallWindow>>,
        settings: Arc<ThrottleSettings>,
        answer: A,
    ) -> Self {
        Self {
            inner,
            peers,
            settings,
            answer,
        }
    }

    inner_accessors!(S);
}

impl<S, B, R, K, A> Service<Request<B>> for Throttle<S, K, A>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    K: Key<Request<B>>,
    A: Refuse<Request<B>, Response<ResponseBody<R>>, S::Error>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R, S::Error>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        let (level, now) = (criticality(&req), Instant::now());
        let (new, untracked) = (
            || CallWindow::new(now),
            || self.settings.notice(Event::Untracked, level),
        );
        let Some(peer) = self.peers.of(&req, now, new, untracked) else {
            return ResponseFuture::calling(self.inner.call(req), None);
        };
        let call = PendingCall::begin(peer, &self.settings, level, now);
        if call.is_some() {
            return ResponseFuture::calling(self.inner.call(req), call);
        }
        // Releases what the service has reserved, because it is not called.
        self.inner = self.inner.clone();
        let refusal = Refusal::because(Reason::Overloaded);
        let refusal = refusal.answering(Origin::of(req.extensions()));
        ResponseFuture::answered(self.answer.refuse(refusal, &req))
    }
}

/// Returns the level of a call: that among its extensions, or else that of its
/// header; not above the current one.
fn criticality<B>(req: &Request<B>) -> Criticality {
    let set = req.extensions().get().copied();
    let level = set.or_else(|| Criticality::read(req.headers()));
    match criticality::current() {
        Some(most) => level.map_or(most, |level| level.lowered_to(most)),
        None => level.unwrap_or_default(),
    }
}

impl<S: fmt::Debug, K: fmt::Debug, A: fmt::Debug> fmt::Debug for Throttle<S, K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("inner", &self.inner)
            .field("key", self.peers.key())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

//! The service that an [`ObeyLayer`](super::ObeyLayer) makes.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tokio::time::Instant;
use tower_service::Service;

use super::{
    call::{Entry, Gate},
    future::{ReadyCall, ResponseFuture},
    observe::Event,
    peer::Peer,
    settings::ObeySettings,
};
use crate::{
    client::{authority::ByAuthority, body::ResponseBody, peers::KeyedPeers},
    key::Key,
    refusal::{Answer, NoText, Origin, Refuse},
};

/// A client that holds calls back as their servers want; made by an
/// [`ObeyLayer`](super::ObeyLayer).
///
/// It is ready when the inner service is ready, and reserves nothing in
/// `poll_ready`. Clones share what is known of the peers.
///
/// A call that is sent at once is given to the instance that was ready. A call
/// that waits takes that instance along, and a clone stays. A refused call
/// drops the ready instance, which gives back whatever its readiness has
/// reserved.
#[derive(Clone)]
pub struct Obey<S, K = ByAuthority, A = Answer<NoText>> {
    inner: S,
    peers: Arc<KeyedPeers<K, Peer>>,
    settings: Arc<ObeySettings>,
    answer: A,
}

impl<S, K, A> Obey<S, K, A> {
    pub(super) fn new(
        inner: S,
        peers: Arc<KeyedPeers<K, Peer>>,
        settings: Arc<ObeySettings>,
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

    /// Returns the gate to a call's peer; `None` if the call is not limited.
    fn gate<B>(&self, req: &Request<B>, now: Instant) -> Option<Gate>
    where
        K: Key<Request<B>>,
    {
        let new = || Peer::new(&self.settings);
        let untracked = || self.settings.notice(Event::Untracked);
        let peer = self.peers.of(req, now, new, untracked)?;
        let settings = self.settings.clone();
        Some(Gate { peer, settings })
    }
}

impl<S, B, R, K, A> Service<Request<B>> for Obey<S, K, A>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    K: Key<Request<B>>,
    A: Refuse<Request<B>, Response<ResponseBody<R>>, S::Error> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, R, A>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, req: Request<B>) -> Self::Future {
        let now = Instant::now();
        let Some(gate) = self.gate(&req, now) else {
            return ResponseFuture::calling(self.inner.call(req), None);
        };
        match gate.enter(now) {
            Entry::Pass(sent) => ResponseFuture::calling(self.inner.call(req), Some(sent)),
            Entry::Wait(waiting) => {
                let call = ReadyCall {
                    service: self.take_ready(),
                    request: req,
                    answer: self.answer.clone(),
                };
                ResponseFuture::held(waiting, call)
            }
            Entry::Refuse(refusal) => {
                drop(self.take_ready());
                let refusal = refusal.answering(Origin::of(req.extensions()));
                ResponseFuture::answered(self.answer.refuse(refusal, &req))
            }
        }
    }
}

impl<S: Clone, K, A> Obey<S, K, A> {
    /// Takes the instance that was ready, and leaves a clone.
    fn take_ready(&mut self) -> S {
        let clone = self.inner.clone();
        mem::replace(&mut self.inner, clone)
    }
}

impl<S: fmt::Debug, K: fmt::Debug, A: fmt::Debug> fmt::Debug for Obey<S, K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Obey")
            .field("inner", &self.inner)
            .field("key", self.peers.key())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, response::Parts};
use http_body::Body;
use tokio::time::Instant;

use super::{
    body::{Limit, ResponseBody},
    bound::Bound,
    header::TimeoutHeader,
    margin::Margin,
};
use crate::{
    deadline::{
        Coverage, Covers, Deadline, Event, Observe, Stage, coverage::Extent, current,
        enforce::headers::earlier,
    },
    refusal::{Refusal, Refuse, stub},
};

/// The settings of a layer.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) margin: Margin,
    pub(super) call_max: Option<Duration>,
    pub(super) header: TimeoutHeader,
    pub(super) observer: Option<Arc<dyn Observe>>,
    /// `None` is [`Coverage::usual`].
    pub(super) covers: Option<Arc<dyn Covers + Send + Sync>>,
}

/// What is to become of a call.
pub(super) enum Fate {
    /// It has no deadline.
    Free,
    /// The callee is told, and the call ends in time.
    Bounded(Bound),
    /// Nothing is left.
    Late,
}

impl Terms {
    /// Tells the callee how long it has.
    #[inline]
    pub(super) fn tell<B>(&self, content_type: Option<&HeaderValue>, req: &mut Request<B>) -> Fate {
        let field = self.header.field(content_type);
        let said = field.read(req.headers());
        if said.is_malformed {
            self.notice(Event::Malformed);
        }
        let deadline = earlier(current(), req.extensions().get().copied());
        let most = earlier(said.least, self.call_max);
        let now = Instant::now();
        let Some((until, told)) = self.shares(deadline, most, now) else {
            return Fate::Free;
        };
        let is_told = match said.is(told) {
            true => !told.is_zero(),
            false => field.write(told, req.headers_mut()),
        };
        match is_told {
            true => {
                let is_own = deadline.is_none_or(|deadline| until < deadline);
                Fate::Bounded(Bound::new(until.instant(), now, told).own(is_own))
            }
            false => Fate::Late,
        }
    }

    /// Until when the caller waits, and what of that the callee gets.
    #[inline]
    fn shares(
        &self,
        deadline: Option<Deadline>,
        most: Option<Duration>,
        now: Instant,
    ) -> Option<(Deadline, Duration)> {
        let left = deadline.map(|deadline| self.margin.off(deadline.remaining_at(now)));
        let own = most.map(|most| Deadline::since(now, most));
        earlier(deadline, own).zip(earlier(left, most))
    }

    /// How much of the answer with this head is bounded.
    #[inline]
    fn extent(&self, head: &Parts) -> Extent {
        let covers = self.covers.as_ref();
        let usual = || Coverage::usual(head);
        covers.map_or_else(usual, |it| it.coverage(head)).0
    }

    pub(super) fn notice(&self, event: Event) {
        if let Some(observer) = &self.observer {
            observer.noticed(&event);
        }
    }
}

type Answer<B> = Response<ResponseBody<B>>;

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("margin", &self.margin)
            .field("call_max", &self.call_max)
            .field("header", &self.header)
            .field("observer", &self.observer)
            .finish_non_exhaustive()
    }
}

/// The settings, and who answers for those who are too late.
pub(super) struct Shared<A> {
    pub(super) terms: Terms,
    pub(super) answer: A,
}

/// What is kept of a request, to answer it.
pub(super) struct Asker<A> {
    shared: Arc<Shared<A>>,
    content_type: Option<HeaderValue>,
}

impl<A> Asker<A> {
    pub(super) fn new(shared: Arc<Shared<A>>, content_type: Option<HeaderValue>) -> Self {
        Self {
            shared,
            content_type,
        }
    }

    /// Has the body of an answer end in time, too.
    pub(super) fn bound<B: Body>(self, response: Response<B>, bound: Bound) -> Answer<B> {
        let (head, body) = response.into_parts();
        let body = match self.shared.terms.extent(&head) {
            Extent::Whole => ResponseBody::bounded(body, || self.limit(bound, None)),
            Extent::Head => ResponseBody::free(body),
            Extent::Frames(each) => ResponseBody::bounded(body, || self.limit(bound, Some(each))),
        };
        Response::from_parts(head, body)
    }

    fn limit(self, mut bound: Bound, between: Option<Duration>) -> Limit {
        if let Some(between) = between {
            bound.begin(between);
        }
        Limit {
            bound,
            between,
            content_type: self.content_type,
            observer: self.shared.terms.observer.clone(),
        }
    }

    /// The answer to a request that was not answered in time, which may be the server's
    /// own.
    pub(super) fn refuse<B, E>(&mut self, is_own: bool) -> Result<Response<ResponseBody<B>>, E>
    where
        A: Refuse<Request<()>, Response<ResponseBody<B>>, E>,
    {
        self.shared.terms.notice(Event::Exceeded(Stage::Client));
        let refusal = Refusal::deadline_exceeded().by_bound(is_own);
        let req = stub(self.content_type.take());
        self.shared.answer.refuse(refusal, &req)
    }
}

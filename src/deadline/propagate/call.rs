//! A call that waits for its response. The future keeps it, and bounds the
//! response or refuses the call with it.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response};
use http_body::Body;

use super::{
    body::{BodyBound, ResponseBody},
    call_bound::CallBound,
    settings::PropagateSettings,
};
use crate::{
    deadline::{Coverage, Event, Stage, coverage::Extent},
    refusal::{Refusal, Refuse, request_stub},
};

/// The settings of a layer, and how it refuses. Its services and their calls
/// share it.
///
/// Apart from the cache line of its reference count, which all calls write.
#[repr(align(64))]
#[derive(Clone)]
pub(super) struct CallSettings<A> {
    pub(super) settings: PropagateSettings,
    /// Refuses calls that have no response in time.
    pub(super) answer: A,
}

/// A call whose response is not there yet.
pub(super) struct Call<A> {
    shared: Arc<CallSettings<A>>,
    content_type: Option<HeaderValue>,
}

impl<A> Call<A> {
    #[inline]
    pub(super) fn new(shared: Arc<CallSettings<A>>, content_type: Option<HeaderValue>) -> Self {
        Self {
            shared,
            content_type,
        }
    }

    /// Passes on a response, and bounds its body.
    pub(super) fn bound<B: Body>(
        self,
        response: Response<B>,
        bound: CallBound,
    ) -> Response<ResponseBody<B>> {
        let (head, body) = response.into_parts();
        let body = match Coverage::chosen(&self.shared.settings.covers, &head) {
            Extent::Whole => ResponseBody::bounded(body, || self.body_bound(bound, None)),
            Extent::Head => ResponseBody::free(body),
            Extent::Frames(each) => {
                ResponseBody::bounded(body, || self.body_bound(bound, Some(each)))
            }
        };
        Response::from_parts(head, body)
    }

    /// Returns the end of the body, which takes over the timer of the head
    /// unless each frame has its own time.
    fn body_bound(self, mut bound: CallBound, between: Option<Duration>) -> BodyBound {
        if let Some(between) = between {
            bound.begin(between);
        }
        BodyBound {
            bound,
            between,
            content_type: self.content_type,
            observer: self.shared.settings.observer.clone(),
        }
    }

    /// Refuses a call that has no response in time. `is_own` tells whether this
    /// server chose the time.
    pub(super) fn refuse<B, E>(&mut self, is_own: bool) -> Result<Response<ResponseBody<B>>, E>
    where
        A: Refuse<Request<()>, Response<ResponseBody<B>>, E>,
    {
        self.shared.settings.notice(Event::Exceeded(Stage::Client));
        let refusal = Refusal::deadline_exceeded().by_bound(is_own);
        let req = request_stub(self.content_type.take());
        self.shared.answer.refuse(refusal, &req)
    }
}

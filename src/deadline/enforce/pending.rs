//! What the future keeps of a request until its handler has answered, and makes
//! of the answer.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header::CONTENT_TYPE,
    response::Parts,
};
use http_body::Body;
use tokio::time::Instant;

use super::{
    body::ResponseBody,
    callers::CallersDeadline,
    expiring_body::{Span, Watched},
    request_scope::Errand,
    scoped_body::Running,
    settings::{Terms, Time},
};
use crate::deadline::{
    Deadline,
    coverage::Extent,
    observe::{Event, Stage},
};
use crate::{
    content::content_length,
    refusal::{Refusal, Refuse, is_grpc, stub},
};

pub(super) struct Held<A> {
    pub(super) errand: Errand,
    pub(super) terms: Arc<Terms>,
    pub(super) answer: A,
    pub(super) request: Asker,
}

/// What of a request says in which way it is answered.
pub(super) struct Asker {
    content_type: Option<HeaderValue>,
    version: Version,
    is_head: bool,
    is_connect: bool,
    /// An answer counts however late it is.
    is_spared: bool,
    is_callers: bool,
}

impl Asker {
    #[inline]
    pub(super) fn of<B>(req: &Request<B>, time: Time) -> Self {
        Self {
            content_type: req.headers().get(CONTENT_TYPE).cloned(),
            version: req.version(),
            is_head: *req.method() == Method::HEAD,
            is_connect: *req.method() == Method::CONNECT,
            is_spared: time.is_spared,
            is_callers: time.is_callers,
        }
    }

    fn is_tunnel(&self, status: StatusCode) -> bool {
        self.is_connect && status.is_success()
    }

    /// Whether a server sends nothing of a response's body, whatever is in it.
    fn is_bodiless(&self, status: StatusCode) -> bool {
        self.is_head
            || self.is_tunnel(status)
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}

impl<A> Held<A> {
    /// Whether an answer that is there now comes too late.
    #[inline]
    pub(super) fn is_late(&self) -> bool {
        // One that is there with the deadline is in time.
        let is_over = |until: Deadline| until.instant() < Instant::now();
        self.until().is_some_and(is_over)
    }

    /// By when the answer has to be there.
    fn until(&self) -> Option<Deadline> {
        self.errand.until().filter(|_| !self.request.is_spared)
    }

    /// Passes an answer on that came in time; its body has yet to.
    #[inline]
    pub(super) fn in_time<B, E>(
        mut self,
        answer: Result<Response<B>, E>,
    ) -> Result<Response<ResponseBody<B>>, E>
    where
        B: Body + Send + 'static,
    {
        match answer {
            Ok(response) => Ok(self.with_body(response)),
            Err(error) => {
                self.errand.done();
                Err(error)
            }
        }
    }

    #[inline]
    fn with_body<B>(mut self, response: Response<B>) -> Response<ResponseBody<B>>
    where
        B: Body + Send + 'static,
    {
        let (mut head, body) = response.into_parts();
        let until = self.until();
        if self.request.is_callers {
            self.mark(&mut head);
        }
        let extent = self.extent(&head);
        if extent != Extent::Whole {
            self.errand.lift();
        }
        let version = self.request.version;
        // A body that is at its end needs no watch.
        let body = if self.request.is_bodiless(head.status) || body.is_end_stream() {
            self.errand.done();
            ResponseBody::free(body, version)
        } else {
            let is_callers = self.request.is_callers;
            let span = until.and_then(|until| Span::of(extent, until, is_callers));
            let is_sized = is_sized(&head.headers, &body);
            self.timed(body, span, is_sized)
        };
        Response::from_parts(head, body)
    }

    /// Says that the deadline is the caller's, where that is counted apart: in a
    /// refusal of a layer further in, and for trailers that are to come.
    #[cold]
    fn mark(&self, head: &mut Parts) {
        if let Some(refusal) = head.extensions.get_mut::<Refusal>() {
            *refusal = refusal.clone().by_caller(true);
        }
        let is_grpc = self.request.content_type.as_ref().is_some_and(is_grpc);
        if let Some(until) = self.until().filter(|_| is_grpc) {
            head.extensions.insert(CallersDeadline(until));
        }
    }

    fn extent(&self, head: &Parts) -> Extent {
        match self.request.is_tunnel(head.status) {
            true => Extent::Head,
            false => self.terms.coverage(head),
        }
    }

    fn timed<B>(self, body: B, span: Option<Span>, is_sized: bool) -> ResponseBody<B>
    where
        B: Body + Send + 'static,
    {
        let version = self.request.version;
        let errand = self.errand;
        let running = Running { body, errand };
        let Some(span) = span else {
            return ResponseBody::untimed(running, version);
        };
        let content_type = self.request.content_type;
        let watched = Watched::new(running, self.terms, content_type, span, is_sized);
        ResponseBody::watched(watched, version)
    }

    /// Of the request there is left what says in which way to answer.
    pub(super) fn late<B, E>(self) -> Result<Response<B>, E>
    where
        A: Refuse<Request<()>, Response<B>, E>,
    {
        self.terms.notice(Event::Exceeded(Stage::Handler));
        let request = stub(self.request.content_type);
        let refusal = Refusal::deadline_exceeded();
        let refusal = refusal.by_caller(self.request.is_callers);
        self.answer.refuse(refusal, &request)
    }
}

/// Whether the client is told how long the body is.
fn is_sized(head: &HeaderMap, body: &impl Body) -> bool {
    body.size_hint().exact().is_some() || content_length(head).is_some()
}

//! What the future keeps of a request until its handler has answered, and makes
//! of the answer.

use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header::CONTENT_TYPE};
use http_body::Body;
use tokio::time::Instant;

use super::{
    Deadline,
    body::ResponseBody,
    errand::Errand,
    observe::{Event, Stage},
    running::Running,
    terms::{Terms, Time},
    watched::Watched,
};
use crate::{
    head::content_length,
    refusal::{Refusal, Refuse, stub},
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
    /// An answer counts however late it is.
    is_spared: bool,
}

impl Asker {
    #[inline]
    pub(super) fn of<B>(req: &Request<B>, time: Time) -> Self {
        Self {
            content_type: req.headers().get(CONTENT_TYPE).cloned(),
            version: req.version(),
            is_head: *req.method() == Method::HEAD,
            is_spared: time.is_spared,
        }
    }

    /// Whether a server sends nothing of a response's body, whatever is in it.
    fn is_bodiless<B>(&self, response: &Response<B>) -> bool {
        let status = response.status();
        self.is_head
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

    /// A body that is at its end needs no watch.
    #[inline]
    fn with_body<B>(mut self, response: Response<B>) -> Response<ResponseBody<B>>
    where
        B: Body + Send + 'static,
    {
        let version = self.request.version;
        if self.request.is_bodiless(&response) || response.body().is_end_stream() {
            self.errand.done();
            return response.map(|body| ResponseBody::free(body, version));
        }
        let until = self.until();
        let is_sized = is_sized(&response);
        response.map(|body| {
            let running = Running {
                body,
                errand: self.errand,
            };
            match until {
                None => ResponseBody::untimed(running, version),
                Some(until) => {
                    let content_type = self.request.content_type;
                    let until = until.instant();
                    let watched = Watched::new(running, self.terms, content_type, until, is_sized);
                    ResponseBody::watched(watched, version)
                }
            }
        })
    }

    /// Of the request there is left what says in which way to answer.
    pub(super) fn late<B, E>(self) -> Result<Response<B>, E>
    where
        A: Refuse<Request<()>, Response<B>, E>,
    {
        self.terms.notice(Event::Exceeded(Stage::Handler));
        let request = stub(self.request.content_type);
        self.answer.refuse(Refusal::deadline_exceeded(), &request)
    }
}

/// Whether the client is told how long the body is.
fn is_sized<B: Body>(response: &Response<B>) -> bool {
    let is_exact = response.body().size_hint().exact().is_some();
    is_exact || content_length(response.headers()).is_some()
}

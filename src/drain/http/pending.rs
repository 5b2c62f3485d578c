//! A request that waits for its handler. The future keeps it, and makes the
//! response from it.

use std::sync::Arc;

use http::{
    HeaderValue, Request, Response, Version,
    header::{CONNECTION, CONTENT_TYPE},
};
use http_body::Body;

use super::{body::ResponseBody, last_words::LastWords, settings::LayerSettings};
use crate::{
    content::BodyAllowed,
    drain::{
        state::Phase,
        work::{Ticket, Tracked},
    },
    refusal::{Reason, Refusal, Refuse, request_stub},
};

/// A request whose handler has not answered yet.
pub(super) struct PendingRequest<X, A> {
    pub(super) tracked: Tracked,
    settings: Arc<LayerSettings<X, A>>,
    version: Version,
    /// Whether the method allows the response to have a body.
    body: BodyAllowed,
    /// Decides in which protocol the request is refused.
    content_type: Option<HeaderValue>,
}

impl<X, A> PendingRequest<X, A> {
    #[inline]
    pub(super) fn new<B>(
        ticket: Ticket,
        req: &Request<B>,
        settings: Arc<LayerSettings<X, A>>,
    ) -> Self {
        Self {
            tracked: Tracked::new(ticket),
            settings,
            version: req.version(),
            body: BodyAllowed::to(req.method()),
            content_type: req.headers().get(CONTENT_TYPE).cloned(),
        }
    }

    /// Passes on the result of the handler. The body of a response is still in
    /// flight.
    pub(super) fn answered<B: Body, E>(
        self,
        answer: Result<Response<B>, E>,
    ) -> Result<Response<ResponseBody<B>>, E> {
        match answer {
            Ok(response) if self.body.changes_protocol(response.status()) => {
                if let Some(ticket) = self.tracked.into_ticket() {
                    ticket.upgraded();
                }
                Ok(response.map(ResponseBody::untracked))
            }
            Ok(response) => Ok(self.with_body(response)),
            Err(error) => {
                self.tracked.end();
                Err(error)
            }
        }
    }

    fn with_body<B: Body>(self, mut response: Response<B>) -> Response<ResponseBody<B>> {
        if self.tracked.phase() > Phase::Serving {
            close_connection(&mut response, self.version);
        }
        if self.body == BodyAllowed::None || response.body().is_end_stream() {
            self.tracked.end();
            return response.map(ResponseBody::untracked);
        }
        let last_event = self.settings.last_event.as_ref();
        let last_words = LastWords::of(response.headers(), last_event);
        response.map(|body| ResponseBody::tracked(body, self.tracked, last_words))
    }

    /// Refuses the request, whose handler was dropped.
    #[cold]
    pub(super) fn aborted<B, E>(self) -> Result<Response<ResponseBody<B>>, E>
    where
        A: Refuse<Request<()>, Response<B>, E>,
    {
        let request = request_stub(self.content_type);
        let refusal = Refusal::because(Reason::Aborted);
        own(self.settings.answer.refuse(refusal, &request), self.version)
    }
}

/// Returns a response of the layer's own.
pub(super) fn own<B, E>(
    answer: Result<Response<B>, E>,
    version: Version,
) -> Result<Response<ResponseBody<B>>, E> {
    let mut response = answer?;
    close_connection(&mut response, version);
    Ok(response.map(ResponseBody::untracked))
}

/// Asks a client of HTTP/1.1 to send its next request over another connection.
fn close_connection<B>(response: &mut Response<B>, version: Version) {
    if version <= Version::HTTP_11 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
}

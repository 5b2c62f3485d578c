//! A request that is to be done once, and the service that does it.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower_service::Service;

use super::{
    body::ResponseBody,
    fingerprint::Fingerprint,
    gate::Keyed,
    name::Name,
    rebuild::Rebuild,
    terms::Terms,
    whole::{IsRead, Whole},
};
use crate::refusal::{BoxError, Refusal};

/// A service that can be left to work for itself.
pub(super) trait Inner<B>:
    Service<Request<B>, Response = Response<Self::Body>, Error: Send + 'static, Future: Send>
    + Send
    + 'static
{
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<I, B, R> Inner<B> for I
where
    I: Service<Request<B>, Response = Response<R>> + Send + 'static,
    I::Error: Send + 'static,
    I::Future: Send,
    R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = R;
}

/// What a service answers behind the layer.
pub(super) type Answer<I, B> =
    Result<Response<ResponseBody<<I as Inner<B>>::Body>>, <I as Service<Request<B>>>::Error>;

/// A request that is to be done once, and the service that is ready to do it.
pub(super) struct Job<I, B> {
    pub(super) service: I,
    pub(super) request: Request<B>,
    /// Whether anything behind the layer has read the body.
    pub(super) is_read: IsRead,
}

/// What it is called, what it is, and itself.
type Known<J> = (Name, Fingerprint, J);

impl<I, B> Job<I, B> {
    pub(super) fn new(service: I, request: Request<B>) -> Self {
        let is_read = IsRead::default();
        Self {
            service,
            request,
            is_read,
        }
    }

    /// The same, once it is known what the request is, for which its body is read.
    pub(super) async fn read(self, terms: &Terms, keyed: &Keyed) -> Result<Known<Self>, Refusal>
    where
        B: Rebuild<Error: Into<BoxError>>,
    {
        let (head, body) = self.request.into_parts();
        let name = terms.name(keyed, &head);
        let (body, fingerprint) = if terms.compares_body {
            let whole = whole(body, terms.max_request_body).await?;
            let fingerprint = terms.fingerprint(&head, Some(whole.bytes()));
            (B::rebuild(whole.watched(&self.is_read)), fingerprint)
        } else {
            (body, terms.fingerprint(&head, None))
        };
        let request = Request::from_parts(head, body);
        let job = Self { request, ..self };
        Ok((name, fingerprint, job))
    }

    /// Does it without further ado.
    pub(super) fn call(mut self) -> I::Future
    where
        I: Inner<B>,
    {
        self.service.call(self.request)
    }
}

async fn whole<B>(body: B, most: usize) -> Result<Whole, Refusal>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    // Before it is sent, if its client waits to be told to.
    if body.size_hint().lower() > most as u64 {
        return Err(Refusal::body_too_large());
    }
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(Whole::of(collected)),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::body_too_large()),
        Err(error) => Err(Refusal::bad_body(error)),
    }
}

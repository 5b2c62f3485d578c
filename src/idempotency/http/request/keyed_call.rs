//! A request that is to be done once, and the service that does it.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower_service::Service;

use super::key_extractor::Keyed;
use crate::idempotency::{
    fingerprint::Fingerprint,
    http::{
        body::{
            budget::Share,
            buffer::{Full, Gathered},
            buffered::{BufferedBody, IsRead},
            from_buffered::FromBuffered,
            response_body::ResponseBody,
        },
        settings::Terms,
    },
    scope::Name,
};
use crate::refusal::{BoxError, Refusal};

/// A service that can be left to work for itself.
pub(crate) trait Inner<B>:
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
pub(crate) type Answer<I, B> =
    Result<Response<ResponseBody<<I as Inner<B>>::Body>>, <I as Service<Request<B>>>::Error>;

/// A request that is to be done once, and the service that is ready to do it.
pub(crate) struct Job<I, B> {
    pub(crate) service: I,
    pub(crate) request: Request<B>,
    /// Whether anything behind the layer has read the body.
    pub(crate) is_read: IsRead,
    /// Its body's part of the budget, until it is done.
    _share: Option<Arc<Share>>,
}

/// What it is called, what it is, and itself.
type Known<J> = (Name, Fingerprint, J);

impl<I, B> Job<I, B> {
    pub(crate) fn new(service: I, request: Request<B>) -> Self {
        let is_read = IsRead::default();
        Self {
            service,
            request,
            is_read,
            _share: None,
        }
    }

    /// The same, once it is known what the request is, for which its body is read.
    pub(crate) async fn read(self, terms: &Terms, keyed: &Keyed) -> Result<Known<Self>, Refusal>
    where
        B: FromBuffered<Error: Into<BoxError>>,
    {
        let (head, body) = self.request.into_parts();
        let name = terms.name(keyed, &head);
        let mut share = None;
        let (body, fingerprint) = if terms.compares_body {
            let (whole, body_held) = whole(body, terms).await?;
            share = Some(Arc::new(body_held));
            let fingerprint = terms.fingerprint(&head, Some(whole.bytes()));
            let whole = whole.watched(&self.is_read, share.clone());
            (B::from_buffered(whole), fingerprint)
        } else {
            (body, terms.fingerprint(&head, None))
        };
        let request = Request::from_parts(head, body);
        let job = Self {
            request,
            _share: share,
            ..self
        };
        Ok((name, fingerprint, job))
    }

    /// Does it without further ado.
    pub(crate) fn call(mut self) -> I::Future
    where
        I: Inner<B>,
    {
        self.service.call(self.request)
    }
}

/// The whole body, and its part of the budget.
async fn whole<B>(body: B, terms: &Terms) -> Result<(BufferedBody, Share), Refusal>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let most = terms.max_request_body.min(terms.budget.most());
    // Before it is sent, if its client waits to be told to.
    if body.size_hint().lower() > most as u64 {
        return Err(Refusal::body_too_large());
    }
    let (mut gathered, mut trailers) = (
        Gathered::new(most, terms.budget.share()),
        HeaderMap::default(),
    );
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::bad_body(error.into()))?;
        match frame.into_data() {
            Ok(data) => gathered.add(&data).map_err(|full| match full {
                Full::TooLong => Refusal::body_too_large(),
                Full::NoRoom => Refusal::overloaded(terms.typical.retry(Duration::MAX)),
            })?,
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    let (bytes, share) = gathered.finish();
    Ok((BufferedBody::new(bytes, trailers), share))
}

//! A request with a key, and the service that will do its work. The executor
//! reads it once, and calls it at most once.
//!
//! The body is read before anything is claimed: a client that disconnects while
//! it sends has claimed nothing, and a fingerprint needs the whole body.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower_service::Service;

use super::request_key::RequestKey;
use crate::{
    idempotency::{
        fingerprint::Fingerprint,
        http::{
            body::{
                BufferedBody, FromBuffered, ResponseBody,
                budget::BudgetShare,
                buffer::{BodyBuffer, BufferError},
                buffered::ReadFlag,
            },
            settings::HttpSettings,
        },
        scope::Name,
    },
    refusal::{BoxError, Reason, Refusal},
};

/// A service that a background task can call: the bounds of the layer, in one
/// name.
pub(crate) trait InnerService<B>:
    Service<Request<B>, Response = Response<Self::Body>, Error: Send + 'static, Future: Send>
    + Send
    + 'static
{
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<I, B, R> InnerService<B> for I
where
    I: Service<Request<B>, Response = Response<R>> + Send + 'static,
    I::Error: Send + 'static,
    I::Future: Send,
    R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = R;
}

/// The result of a call behind the layer.
pub(crate) type CallResult<I, B> =
    Result<Response<ResponseBody<<I as InnerService<B>>::Body>>, <I as Service<Request<B>>>::Error>;

/// A request with a key, and the service that is ready for it.
pub(crate) struct KeyedCall<I, B> {
    /// Has been polled until it was ready.
    service: I,
    /// The request. After [`identify`](Self::identify), its body is the
    /// buffered one.
    pub(crate) request: Request<B>,
    /// Raised when the handler, or a layer behind this one, reads the body.
    pub(crate) read: ReadFlag,
    /// The share of the budget that the body takes, until the call is made.
    _share: Option<Arc<BudgetShare>>,
}

impl<I, B> KeyedCall<I, B> {
    /// Creates a call whose body was not read yet.
    pub(crate) fn new(service: I, request: Request<B>) -> Self {
        Self {
            service,
            request,
            read: ReadFlag::default(),
            _share: None,
        }
    }

    /// Reads the body if bodies are compared, and returns the request's name
    /// and fingerprint.
    ///
    /// # Errors
    ///
    /// When the body is too large, broken, or over the layer's budget.
    pub(crate) async fn identify(
        self,
        settings: &HttpSettings,
        request_key: &RequestKey,
    ) -> Result<(Name, Fingerprint, Self), Refusal>
    where
        B: FromBuffered<Error: Into<BoxError>>,
    {
        let identity = &settings.identity;
        let (head, body) = self.request.into_parts();
        let name = identity.name(request_key, &head);
        let mut share = None;
        let (body, fingerprint) = if identity.compares_body {
            let (buffered, taken) = read_body(body, settings).await?;
            // `Full` and others take the bytes out and drop the buffered body
            // at once. The copy here keeps counting them until the call.
            share = Some(Arc::new(taken));
            let fingerprint = identity.fingerprint(&head, Some(buffered.bytes()));
            let buffered = buffered.watched(&self.read, share.clone());
            (B::from_buffered(buffered), fingerprint)
        } else {
            (body, identity.fingerprint(&head, None))
        };
        let request = Request::from_parts(head, body);
        let call = Self {
            request,
            _share: share,
            ..self
        };
        Ok((name, fingerprint, call))
    }

    /// Calls the service.
    pub(crate) fn run(mut self) -> I::Future
    where
        I: InnerService<B>,
    {
        self.service.call(self.request)
    }
}

/// Reads a body to its end. Returns it with the share of the budget that it
/// takes.
async fn read_body<B>(
    body: B,
    settings: &HttpSettings,
) -> Result<(BufferedBody, BudgetShare), Refusal>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let cap = settings.max_request_body.min(settings.budget.limit());
    // Before the first poll, so that a client that sent `Expect: 100-continue`
    // is refused before it sends the body.
    if body.size_hint().lower() > cap as u64 {
        return Err(Refusal::because(Reason::BodyTooLarge));
    }
    let mut buffer = BodyBuffer::new(cap, settings.budget.share());
    let mut trailers = HeaderMap::default();
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::from_error(Reason::BadBody, error.into()))?;
        match frame.into_data() {
            Ok(data) => buffer
                .add(&data)
                .map_err(|error| refusal(error, settings))?,
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    let (bytes, share) = buffer.finish();
    Ok((BufferedBody::new(bytes, trailers), share))
}

/// Returns the refusal of a request whose body cannot be buffered.
fn refusal(error: BufferError, settings: &HttpSettings) -> Refusal {
    match error {
        BufferError::TooLong => Refusal::because(Reason::BodyTooLarge),
        BufferError::OverBudget => Refusal::later(
            Reason::Overloaded,
            settings.latency.retry_after(Duration::MAX),
        ),
    }
}

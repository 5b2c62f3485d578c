//! Helpers of these tests.

use std::{convert::Infallible, env, future::Future, io, time::Duration};

use bytes::Bytes;
use futures_util::Stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use sluicegate::drain::{Drain, DrainLayer, Draining, ResponseBody};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
pub(crate) type Answer = Response<ResponseBody<Body>>;
/// A service behind the layer.
pub(crate) type Tracked = BoxCloneSyncService<Request<()>, Answer, Infallible>;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Whether `SLUICEGATE_DRAIN=long` asks for the long form.
pub(crate) fn is_long() -> bool {
    env::var("SLUICEGATE_DRAIN").is_ok_and(|how| how == "long")
}

/// The budget of these tests: 100 ms of lame duck, 700 ms of draining, 100 ms of
/// cancelling, 100 ms of closing.
pub(crate) fn drain() -> Drain {
    Drain::builder()
        .budget(ms(1_000))
        .lame_duck(ms(100))
        .cancelling(ms(100))
        .closing(ms(100))
        .build()
}

/// Puts a handler behind the layer.
pub(crate) fn behind<F, Fut>(layer: &DrainLayer, handler: F) -> Tracked
where
    F: Fn(Request<()>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |req| {
        let response = handler(req);
        async move { Ok::<_, Infallible>(response.await) }
    });
    let service: Draining<_> = layer.layer(service);
    BoxCloneSyncService::new(service)
}

pub(crate) fn get(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

/// A body of the whole text.
pub(crate) fn whole(text: &'static str) -> Body {
    http_body_util::Full::from(text)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body of what the stream yields.
pub(crate) fn streamed(
    chunks: impl Stream<Item = io::Result<&'static str>> + Send + 'static,
) -> Body {
    use futures_util::TryStreamExt;

    StreamBody::new(chunks.map_ok(|text| Frame::data(Bytes::from(text)))).boxed_unsync()
}

pub(crate) async fn ask(service: &Tracked, request: Request<()>) -> Answer {
    service
        .clone()
        .ready()
        .await
        .unwrap()
        .call(request)
        .await
        .unwrap()
}

/// Returns the whole body as text, or the text of its error.
pub(crate) async fn text(answer: Answer) -> Result<String, String> {
    let body = answer.into_body().collect().await;
    let bytes = body.map_err(|error| error.to_string())?.to_bytes();
    Ok(String::from_utf8(bytes.into()).unwrap())
}

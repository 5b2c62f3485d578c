//! Services that are late, and bodies that tests feed.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::poll_fn;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use sluicegate::{
    deadline::{Counts, EnforceDeadlineLayer, ResponseBody},
    refusal::{BoxError, FromText, Reason, Refusal},
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower::{Layer, ServiceExt, service_fn};

pub(crate) use crate::support::{Req, ms};

/// Tells whether its owner was dropped.
#[derive(Debug)]
pub(crate) struct Grip(Arc<AtomicBool>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Dropped(Arc<AtomicBool>);

impl Dropped {
    pub(crate) fn grip(&self) -> Grip {
        Grip(self.0.clone())
    }

    pub(crate) fn is(&self) -> bool {
        self.0.load(SeqCst)
    }
}

impl Drop for Grip {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// A body of the frames that are sent to it.
#[derive(Debug)]
pub(crate) struct Fed {
    frames: UnboundedReceiver<Frame<Bytes>>,
    _grip: Grip,
}

pub(crate) struct Feeder {
    pub(crate) frames: UnboundedSender<Frame<Bytes>>,
    pub(crate) dropped: Dropped,
}

pub(crate) fn fed() -> (Feeder, Fed) {
    let (sender, frames) = unbounded_channel();
    let dropped = Dropped::default();
    let _grip = dropped.grip();
    let frames_to = Feeder {
        frames: sender,
        dropped,
    };
    (frames_to, Fed { frames, _grip })
}

impl Feeder {
    pub(crate) fn data(&self, text: &'static str) {
        self.frames.send(Frame::data(text.into())).unwrap();
    }

    pub(crate) fn trailers(&self) {
        let mut trailers = HeaderMap::new();
        trailers.insert("sum", 7.into());
        self.frames.send(Frame::trailers(trailers)).unwrap();
    }
}

impl Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.frames.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// Returns the next frame: its text, or that it is trailers; `None` at the end.
pub(crate) async fn next<B>(body: &mut ResponseBody<B>) -> Option<Result<String, BoxError>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    Some(frame.map(|frame| match frame.into_data() {
        Ok(data) => String::from_utf8(data.into()).unwrap(),
        Err(_) => "trailers".into(),
    }))
}

/// Returns whether this is the end of a late body.
pub(crate) fn is_late(frame: Option<Result<String, BoxError>>) -> bool {
    let error = frame.expect("no clean end").unwrap_err();
    let refusal = error.downcast_ref::<Refusal>().unwrap();
    refusal.reason() == Reason::DeadlineExceeded
}

/// Returns the response of `handler` behind the layer.
pub(crate) async fn answer<F, Fut, B>(
    layer: &EnforceDeadlineLayer,
    req: Req,
    handler: F,
) -> Response<ResponseBody<B>>
where
    F: Fn(Req) -> Fut + Clone,
    Fut: Future<Output = Response<B>>,
    B: Body<Error: Into<BoxError>> + FromText + Send + Unpin + 'static,
{
    let handler = move |req| {
        let answer = handler(req);
        async { Ok::<_, Infallible>(answer.await) }
    };
    let Ok(response) = layer.layer(service_fn(handler)).oneshot(req).await;
    response
}

/// Returns the layer with an observer that counts.
pub(crate) fn counting(layer: EnforceDeadlineLayer) -> (EnforceDeadlineLayer, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    (layer.observe(counts.clone()), counts)
}

pub(crate) fn second() -> EnforceDeadlineLayer {
    EnforceDeadlineLayer::new().default_timeout(ms(1_000))
}

pub(crate) fn request_with(fields: &[(&'static str, &str)]) -> Req {
    let mut request = Request::new(String::from("hello"));
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

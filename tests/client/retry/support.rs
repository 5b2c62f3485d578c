//! A server that answers by a script, and remembers each attempt.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use sluicegate::{
    client::{RetryBudget, RetryLayer, retry::Counts},
    refusal::BoxError,
};
use tokio::{task::yield_now, time::Instant};
use tower::Service;

pub(crate) type ResBody = UnsyncBoxBody<Bytes, BoxError>;

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What the server does with one attempt.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers with this status and these headers.
    Says(u16, Vec<(&'static str, String)>),
    /// Answers a gRPC call with this status and these fields, in the headers.
    TrailersOnly(u16, Vec<(&'static str, String)>),
    /// The same in trailers after an empty body.
    Trailers(u16, Vec<(&'static str, String)>),
    /// The same in trailers after a message.
    Message(u16),
    /// Ends a gRPC response without a status.
    NoStatus,
    /// Fails the connection.
    RefusesConnection,
    /// Refuses the stream.
    RefusesStream,
    /// Breaks after it may have processed the call.
    Breaks,
    /// Is not ready, with an error.
    NotReady,
    /// Answers after a time.
    Sleeps(u64, Box<Does>),
}

impl Does {
    pub(crate) fn says(status: u16) -> Self {
        Self::Says(status, Vec::new())
    }

    pub(crate) fn says_with(status: u16, name: &'static str, value: &str) -> Self {
        Self::Says(status, vec![(name, value.to_owned())])
    }

    /// Whether the call may have been processed.
    pub(crate) fn may_have_processed(&self) -> bool {
        match self {
            Self::Sleeps(_, then) => then.may_have_processed(),
            Self::RefusesConnection | Self::RefusesStream | Self::NotReady => false,
            _ => true,
        }
    }

    /// Whether the attempt left the client.
    pub(crate) fn left(&self) -> bool {
        match self {
            Self::Sleeps(_, then) => then.left(),
            Self::RefusesConnection | Self::NotReady => false,
            _ => true,
        }
    }
}

/// An attempt that the server has seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) script: Mutex<VecDeque<Does>>,
    /// What it does after the script; unless set, it answers with 200.
    always: Mutex<Option<Does>>,
    pub(crate) seen: Mutex<Vec<Seen>>,
    /// Ready services that were not called.
    pub(crate) reserved: AtomicUsize,
    pub(crate) in_flight: AtomicUsize,
}

/// A client of the server. It panics if it is called and not ready, or used after
/// an error.
pub(crate) struct Server {
    pub(crate) state: Arc<State>,
    ready: Option<Count>,
    has_yielded: bool,
    has_failed: bool,
}

/// Counts until it is dropped.
struct Count(Arc<State>, fn(&State) -> &AtomicUsize);

impl Count {
    fn new(state: &Arc<State>, of: fn(&State) -> &AtomicUsize) -> Self {
        of(state).fetch_add(1, SeqCst);
        Self(state.clone(), of)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, SeqCst);
    }
}

impl Server {
    /// A server that does this, and then answers with 200.
    pub(crate) fn new(script: impl IntoIterator<Item = Does>) -> Self {
        let state = State {
            script: Mutex::new(script.into_iter().collect()),
            ..State::default()
        };
        Self {
            state: Arc::new(state),
            ready: None,
            has_yielded: false,
            has_failed: false,
        }
    }

    /// A server that always does this.
    pub(crate) fn failing(does: Does) -> Self {
        let server = Self::new([]);
        *server.state.always.lock().unwrap() = Some(does);
        server
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> usize {
        self.state.seen.lock().unwrap().len()
    }

    pub(crate) fn reserved(&self) -> usize {
        self.state.reserved.load(SeqCst)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.state.in_flight.load(SeqCst)
    }
}

impl Clone for Server {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            ready: None,
            has_yielded: false,
            has_failed: false,
        }
    }
}

impl<B> Service<Request<B>> for Server
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Debug + Into<BoxError>,
{
    type Response = Response<ResBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResBody>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        assert!(!self.has_failed, "used after an error");
        if !self.has_yielded {
            self.has_yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut script = self.state.script.lock().unwrap();
        if let Some(Does::NotReady) = script.front() {
            script.pop_front();
            self.has_failed = true;
            return Poll::Ready(Err("not ready".into()));
        }
        let ready = || Count::new(&self.state, |state| &state.reserved);
        self.ready.get_or_insert_with(ready);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        drop(self.ready.take().expect("it is ready"));
        self.has_yielded = false;
        let state = self.state.clone();
        let in_flight = Count::new(&state, |state| &state.in_flight);
        let (at, did) = (Instant::now(), next(&state));
        Box::pin(async move {
            let _in_flight = in_flight;
            let (head, body) = req.into_parts();
            if did.left() {
                let body = body.collect().await.map_err(Into::into)?.to_bytes();
                let headers = head.headers;
                let seen = Seen { at, headers, body };
                state.seen.lock().unwrap().push(seen);
            }
            yield_now().await;
            act(did).await
        })
    }
}

fn next(state: &State) -> Does {
    let next = state.script.lock().unwrap().pop_front();
    let always = || state.always.lock().unwrap().clone();
    next.or_else(always).unwrap_or_else(|| Does::says(200))
}

async fn act(mut does: Does) -> Result<Response<ResBody>, BoxError> {
    while let Does::Sleeps(millis, then) = does {
        tokio::time::sleep(ms(millis)).await;
        does = *then;
    }
    match does {
        Does::Says(status, lines) => {
            let response = Response::builder().status(status);
            Ok(with(response, lines).body(full("body")).unwrap())
        }
        Does::TrailersOnly(code, mut lines) => {
            lines.push(("grpc-status", code.to_string()));
            let empty = Empty::new().map_err(Into::into).boxed_unsync();
            Ok(with(grpc(), lines).body(empty).unwrap())
        }
        Does::Trailers(code, lines) => {
            Ok(grpc().body(frames(vec![trailers(code, lines)])).unwrap())
        }
        Does::Message(code) => {
            let message = Frame::data(Bytes::from_static(b"\0\0\0\0\x01m"));
            let all = vec![message, trailers(code, Vec::new())];
            Ok(grpc().body(frames(all)).unwrap())
        }
        Does::NoStatus => Ok(grpc().body(frames(Vec::new())).unwrap()),
        Does::RefusesConnection => Err(io::Error::from(io::ErrorKind::ConnectionRefused).into()),
        Does::RefusesStream => Err(h2::Error::from(h2::Reason::REFUSED_STREAM).into()),
        Does::Breaks => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
        Does::NotReady | Does::Sleeps(..) => unreachable!(),
    }
}

fn grpc() -> http::response::Builder {
    Response::builder().header("content-type", "application/grpc")
}

fn with(
    mut response: http::response::Builder,
    lines: Vec<(&'static str, String)>,
) -> http::response::Builder {
    for (name, value) in lines {
        response = response.header(name, value);
    }
    response
}

fn trailers(code: u16, lines: Vec<(&'static str, String)>) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.into());
    for (name, value) in lines {
        trailers.append(name, value.parse().unwrap());
    }
    Frame::trailers(trailers)
}

fn frames(frames: Vec<Frame<Bytes>>) -> ResBody {
    let frames = frames.into_iter().map(Ok::<_, Infallible>);
    StreamBody::new(stream::iter(frames))
        .map_err(Into::into)
        .boxed_unsync()
}

fn full(text: &'static str) -> ResBody {
    Full::new(Bytes::from_static(text.as_bytes()))
        .map_err(Into::into)
        .boxed_unsync()
}

/// A layer whose budget allows all retries that the tests make, without jitter:
/// it waits as long as it may.
pub(crate) fn layer() -> (RetryLayer, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let budget = RetryBudget::builder().minimum(100).local();
    let layer = RetryLayer::new()
        .budget(budget)
        .random(|| u64::MAX)
        .observe(counts.clone());
    (layer, counts)
}

pub(crate) fn get() -> Request<Full<Bytes>> {
    Request::get("http://server/things")
        .body(Full::default())
        .unwrap()
}

pub(crate) fn post() -> Request<Full<Bytes>> {
    let body = Full::new(Bytes::from_static(b"a thing"));
    Request::post("http://server/things").body(body).unwrap()
}

/// A gRPC call of the method `Name`.
pub(crate) fn rpc(name: &str) -> Request<Full<Bytes>> {
    let body = Full::new(Bytes::from_static(b"\0\0\0\0\x01q"));
    let req = Request::post(format!("http://server/shop.Things/{name}"));
    req.header("content-type", "application/grpc")
        .body(body)
        .unwrap()
}

//! A server that answers by a script: the last answer again and again.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use tokio::time::{Instant, sleep};
use tower::Service;

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// One answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Says {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, &'static str)>,
    pub(crate) trailers: Vec<(&'static str, &'static str)>,
    pub(crate) after: Duration,
}

pub(crate) fn says(status: u16, fields: &[(&'static str, &'static str)]) -> Says {
    Says {
        status,
        fields: fields.to_vec(),
        ..Says::default()
    }
}

/// Returns an answer with a quota of 10 in 10 seconds.
pub(crate) fn left(state: &'static str) -> Says {
    says(
        200,
        &[
            ("ratelimit-policy", r#""a";q=10;w=10"#),
            ("ratelimit", state),
        ],
    )
}

#[derive(Clone)]
pub(crate) struct Scripted {
    answers: Arc<Vec<Says>>,
    /// When each call came, and its path.
    pub(crate) calls: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Scripted {
    pub(crate) fn new(answers: impl Into<Vec<Says>>) -> Self {
        Self {
            answers: Arc::new(answers.into()),
            calls: Arc::default(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|(_, path)| path.clone()).collect()
    }
}

impl Service<Request<()>> for Scripted {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let mut calls = self.calls.lock().unwrap();
        let says = self.answers[calls.len().min(self.answers.len() - 1)].clone();
        calls.push((Instant::now(), request.uri().path().to_owned()));
        Box::pin(async move {
            sleep(says.after).await;
            Ok(response(&says))
        })
    }
}

fn response(says: &Says) -> Response<Body> {
    let builder = Response::builder().status(says.status);
    let fields = says.fields.iter();
    let builder = fields.fold(builder, |it, (name, value)| it.header(*name, *value));
    let trailers = says.trailers.clone();
    let body = Full::new(Bytes::new()).with_trailers(async move {
        let pairs = trailers.iter();
        let map: HeaderMap = pairs
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        (!map.is_empty()).then_some(Ok(map))
    });
    builder.body(body.boxed_unsync()).unwrap()
}

pub(crate) fn request(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

//! The end of a response, as an adaptive limit learns of it.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use sluicegate::{
    concurrency::{Adaptive, Algorithm, ConcurrencyLayer, Local, Sample},
    deadline::EnforceDeadlineLayer,
    refusal::Answer,
};
use tower::{Layer, ServiceExt, service_fn};

type TestBody = UnsyncBoxBody<Bytes, Infallible>;

/// Keeps the limit, and the samples.
#[derive(Clone, Debug, Default)]
struct Record(Arc<Mutex<Vec<Sample>>>);

impl Algorithm for Record {
    fn next(&mut self, limit: f64, sample: &Sample) -> f64 {
        self.0.lock().unwrap().push(*sample);
        limit
    }
}

/// How a response looks.
#[derive(Clone, Copy, Debug)]
struct Script {
    status: u16,
    content_type: &'static str,
    grpc_status: Option<&'static str>,
    /// Whether the client reads the body.
    is_read: bool,
}

const HTTP: Script = Script {
    status: 200,
    content_type: "text/plain",
    grpc_status: None,
    is_read: true,
};

const GRPC: Script = Script {
    content_type: "application/grpc",
    ..HTTP
};

fn respond(script: Script) -> Response<TestBody> {
    let mut trailers = HeaderMap::new();
    if let Some(status) = script.grpc_status {
        trailers.insert("grpc-status", status.parse().unwrap());
    }
    let frames = [Frame::data(Bytes::from("frame")), Frame::trailers(trailers)];
    let frames = futures_util::stream::iter(frames.map(Ok));
    Response::builder()
        .status(script.status)
        .header("content-type", script.content_type)
        .body(StreamBody::new(frames).boxed_unsync())
        .unwrap()
}

/// Returns the last sample of a window of such responses: whether it has a
/// duration, and whether it is one of an overload. `None` if there is none.
async fn sample(script: Script) -> Option<(bool, bool)> {
    let record = Record::default();
    let adaptive = Adaptive::by(record.clone()).window(Duration::from_millis(1));
    let handler = service_fn(move |_: Request<()>| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok::<_, Infallible>(respond(script))
    });
    let service = ConcurrencyLayer::new(Local::adaptive(adaptive))
        .refuse_with(Answer::new().without_body())
        .layer(handler);
    for _ in 0..40 {
        let req = Request::builder().header("content-type", script.content_type);
        let response = service
            .clone()
            .oneshot(req.body(()).unwrap())
            .await
            .unwrap();
        if script.is_read {
            response.into_body().collect().await.unwrap();
        }
    }
    let samples = record.0.lock().unwrap();
    samples
        .last()
        .map(|it| (it.took.is_some(), it.is_overloaded))
}

#[tokio::test(start_paused = true)]
async fn a_limit_learns_from_work_and_not_from_quick_failures_streams_or_clients_that_left() {
    let (work, overload, nothing) = (Some((true, false)), Some((false, true)), None);
    for (script, expected) in [
        (HTTP, work),
        (
            Script {
                status: 500,
                ..HTTP
            },
            work,
        ),
        (
            Script {
                status: 404,
                ..HTTP
            },
            nothing,
        ),
        (
            Script {
                status: 429,
                ..HTTP
            },
            nothing,
        ),
        (
            Script {
                status: 503,
                ..HTTP
            },
            overload,
        ),
        (
            Script {
                status: 504,
                ..HTTP
            },
            overload,
        ),
        (
            Script {
                content_type: "text/event-stream",
                ..HTTP
            },
            nothing,
        ),
        (
            Script {
                is_read: false,
                ..HTTP
            },
            nothing,
        ),
        (
            Script {
                grpc_status: Some("0"),
                ..GRPC
            },
            work,
        ),
        (
            Script {
                grpc_status: Some("13"),
                ..GRPC
            },
            work,
        ),
        (
            Script {
                grpc_status: Some("5"),
                ..GRPC
            },
            nothing,
        ),
        (
            Script {
                grpc_status: Some("1"),
                ..GRPC
            },
            nothing,
        ),
        (
            Script {
                grpc_status: Some("14"),
                ..GRPC
            },
            overload,
        ),
        (
            Script {
                grpc_status: Some("4"),
                ..GRPC
            },
            overload,
        ),
    ] {
        assert_eq!(sample(script).await, expected, "{script:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_the_server_is_an_overload_and_one_of_the_caller_is_not() {
    for (is_callers, expected) in [(false, true), (true, false)] {
        let record = Record::default();
        let adaptive = Adaptive::by(record.clone()).window(Duration::from_millis(1));
        let slow = service_fn(|_: Request<()>| {
            std::future::pending::<Result<Response<String>, Infallible>>()
        });
        let layer = ConcurrencyLayer::new(Local::adaptive(adaptive));
        let service = EnforceDeadlineLayer::new()
            .default_timeout(Duration::from_secs(1))
            .layer(layer.layer(slow));
        for _ in 0..40 {
            let mut req = Request::builder();
            if is_callers {
                req = req.header("x-request-timeout", "10ms");
            }
            let _ = service.clone().oneshot(req.body(()).unwrap()).await;
        }
        let samples = record.0.lock().unwrap();
        let is_overloaded = samples.iter().any(|sample| sample.is_overloaded);
        assert_eq!(is_overloaded, expected, "{is_callers}");
    }
}

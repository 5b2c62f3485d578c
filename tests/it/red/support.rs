//! Services and bodies that do as they are told, and what was counted of them.

use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use sluicegate::{
    red::{Completion, Outcome, Registry, Snapshot},
    refusal::{BoxError, FromText},
};
use tower::util::BoxCloneSyncService;

/// The next step of a body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Data(&'static str),
    /// A gRPC status in the trailers.
    Status(&'static str),
    /// Trailers without one.
    Trailers,
    Fail,
    Panic,
    /// Nothing more for the time being.
    Wait,
}

/// A body of such steps. It knows its end only when it is asked once more.
#[derive(Debug, Default)]
pub(super) struct Steps(VecDeque<Step>);

impl Steps {
    pub(super) fn of(steps: &[Step]) -> Self {
        Self(steps.iter().copied().collect())
    }
}

impl FromText for Steps {
    fn from_text(_text: String) -> Self {
        Self::default()
    }
}

impl Body for Steps {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let trailers = |status: Option<&'static str>| {
            let mut trailers = HeaderMap::new();
            let (name, value) = status.map_or(("sum", "7"), |status| ("grpc-status", status));
            trailers.insert(name, value.parse().unwrap());
            Frame::trailers(trailers)
        };
        Poll::Ready(match self.0.pop_front() {
            None => None,
            Some(Step::Data(text)) => Some(Ok(Frame::data(text.into()))),
            Some(Step::Status(status)) => Some(Ok(trailers(Some(status)))),
            Some(Step::Trailers) => Some(Ok(trailers(None))),
            Some(Step::Fail) => Some(Err("the disk is gone".into())),
            Some(Step::Panic) => panic!("in the body, as told"),
            Some(Step::Wait) => return Poll::Pending,
        })
    }
}

/// The behaviour of a service.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Answer(u16, &'static [Step]),
    /// As gRPC, with these headers.
    Grpc(&'static [(&'static str, &'static str)], &'static [Step]),
    Fail,
    Panic,
    /// When it is called, before there is a future.
    PanicAtOnce,
    Hang,
}

pub(super) type Req = Request<String>;

pub(super) fn acting(act: Act) -> BoxCloneSyncService<Req, Response<Steps>, BoxError> {
    BoxCloneSyncService::new(tower::service_fn(move |_: Req| {
        assert!(!matches!(act, Act::PanicAtOnce), "at once, as told");
        async move {
            match act {
                Act::Answer(status, steps) => {
                    let mut response = Response::new(Steps::of(steps));
                    *response.status_mut() = status.try_into().unwrap();
                    Ok(response)
                }
                Act::Grpc(headers, steps) => {
                    let mut response = Response::new(Steps::of(steps));
                    for (name, value) in headers {
                        response.headers_mut().insert(*name, value.parse().unwrap());
                    }
                    Ok(response)
                }
                Act::Fail => Err("no connection".into()),
                Act::Panic => panic!("in the handler, as told"),
                Act::PanicAtOnce => unreachable!("it panicked at once"),
                Act::Hang => pending().await,
            }
        }
    }))
}

pub(super) fn request() -> Req {
    Request::new(String::new())
}

pub(super) fn grpc_request(path: &str) -> Req {
    let request = Request::post(path).header("content-type", "application/grpc");
    request.body(String::new()).unwrap()
}

/// The outcomes and their counts, without zeros.
pub(super) fn outcomes(metrics: &Registry) -> BTreeMap<&'static str, u64> {
    let snapshot = metrics.snapshot();
    let counts = Outcome::ALL.map(|outcome| (outcome.as_str(), snapshot.count(outcome)));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Asserts the law for each series and for all together, and answers how many are
/// in flight.
#[track_caller]
pub(super) fn in_flight(metrics: &Registry) -> u64 {
    let snapshot = metrics.snapshot();
    for series in &snapshot.series {
        // The difference is what is in flight, and never less than nothing.
        assert!(series.started >= series.ended(), "{series:?}");
    }
    let by_outcome: u64 = Outcome::ALL.map(|it| snapshot.count(it)).iter().sum();
    assert_eq!(snapshot.started(), by_outcome + snapshot.in_flight());
    snapshot.in_flight()
}

/// The only one that there is.
#[track_caller]
pub(super) fn the_only(snapshot: &Snapshot) -> &Completion {
    let ended: Vec<_> = snapshot
        .completions()
        .map(|(_, completion)| completion)
        .filter(|completion| completion.durations.count() > 0)
        .collect();
    let [one] = ended[..] else {
        panic!("not one: {snapshot:#?}");
    };
    assert_eq!(one.durations.count(), 1);
    one
}

//! Calls of a tonic server.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use ::http::{HeaderMap, uri::PathAndQuery};
use sluicegate::idempotency::{GlobalScope, IdempotencyLayer, Local, Store};
use tokio::{net::TcpListener, sync::Semaphore};
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    client::Grpc,
    codegen::BoxFuture,
    metadata::MetadataMap,
    server::{self, NamedService, UnaryService},
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::{
    server::{Tally, layer, layer_over},
    support::{Mood, Moody},
};

const PAY: &str = "/tests.Payments/Pay";

type Outcome = Result<Response<String>, Status>;
type Answering = Arc<dyn Fn(usize) -> BoxFuture<Response<String>, Status> + Send + Sync>;

/// A service whose response depends on how often it was called.
#[derive(Clone)]
struct Payments {
    answer: Answering,
    tally: Tally,
}

impl NamedService for Payments {
    const NAME: &'static str = "tests.Payments";
}

impl Service<::http::Request<Body>> for Payments {
    type Response = ::http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<::http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: ::http::Request<Body>) -> Self::Future {
        let mut method = server::Grpc::new(ProstCodec::default());
        let pay = Pay(self.clone());
        Box::pin(async move { Ok(method.unary(pay, req).await) })
    }
}

struct Pay(Payments);

impl UnaryService<String> for Pay {
    type Response = String;
    type Future = BoxFuture<Response<String>, Status>;

    fn call(&mut self, _: Request<String>) -> Self::Future {
        (self.0.answer)(self.0.tally.add())
    }
}

/// Returns a client of a server with this service.
async fn serve<S, A, F>(layer: IdempotencyLayer<S, GlobalScope>, answer: A) -> (Channel, Tally)
where
    S: Store,
    A: Fn(usize) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let tally = Tally::default();
    let payments = Payments {
        answer: Arc::new(move |nth| Box::pin(answer(nth))),
        tally: tally.clone(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().layer(layer).add_service(payments);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    (endpoint.connect().await.unwrap(), tally)
}

async fn pay(channel: &Channel, key: &str, message: &str) -> Outcome {
    let mut request = Request::new(message.to_owned());
    if !key.is_empty() {
        let key = key.parse().unwrap();
        request.metadata_mut().insert("idempotency-key", key);
    }
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(PAY);
    client.unary(request, path, ProstCodec::default()).await
}

fn is_replayed(metadata: &MetadataMap) -> bool {
    metadata
        .get("idempotency-replayed")
        .is_some_and(|mark| mark == "true")
}

async fn paid(nth: usize) -> Outcome {
    Ok(Response::new(format!("paid {nth}")))
}

#[tokio::test]
async fn a_call_is_made_once() {
    let (layer, counts) = layer();
    let (channel, tally) = serve(layer, paid).await;
    for nth in 0..3 {
        let answer = pay(&channel, "17", "to Ann").await.unwrap();
        assert_eq!(answer.get_ref(), "paid 1");
        assert_eq!(is_replayed(answer.metadata()), nth > 0);
    }
    assert_eq!(
        pay(&channel, "18", "to Ann").await.unwrap().get_ref(),
        "paid 2"
    );
    assert_eq!(
        pay(&channel, "", "to Ann").await.unwrap().get_ref(),
        "paid 3"
    );
    let counts = counts.snapshot();
    assert_eq!((tally.count(), counts.completed, counts.passed), (3, 2, 1));
}

#[tokio::test]
async fn a_status_is_kept_with_its_details_or_released_by_its_code() {
    let kept = [3, 5, 6, 9, 11, 12, 13];
    let released = [7, 8, 10, 14, 16];
    for code in 1..=16 {
        let (layer, counts) = layer();
        let (channel, _) = serve(layer, move |nth| async move {
            let (code, details) = (Code::from(code), "details \u{0}".into());
            let mut status = Status::with_details(code, format!("no {nth}"), details);
            status
                .metadata_mut()
                .insert("x-mine", "of its own".parse().unwrap());
            Err(status)
        })
        .await;
        let first = pay(&channel, "17", "to Ann").await.unwrap_err();
        assert_eq!((first.code(), first.message()), (Code::from(code), "no 1"));
        let again = pay(&channel, "17", "to Ann").await.unwrap_err();
        let counts = counts.snapshot();
        if kept.contains(&code) {
            assert_eq!((again.code(), again.message()), (first.code(), "no 1"));
            assert_eq!(again.details(), first.details());
            assert!(is_replayed(again.metadata()), "{code}");
        } else if released.contains(&code) {
            assert_eq!((again.code(), again.message()), (first.code(), "no 2"));
        } else {
            assert_eq!(again.code(), Code::Aborted, "{code} is of unknown outcome");
            assert_eq!(counts.abandoned, 1);
        }
    }
}

/// The status comes after the message, as that of a stream does.
#[tokio::test]
async fn a_status_after_a_message_counts_like_one_without() {
    use ::http::{HeaderValue, Response};
    use http_body_util::{BodyExt, Full};
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    for (code, expected) in [
        ("0", "completed"),
        ("14", "released"),
        ("2", "abandoned"),
        ("", "abandoned"),
    ] {
        let (layer, counts) = layer();
        let answer = move |_: ::http::Request<Full<bytes::Bytes>>| async move {
            let trailers = async move {
                let status = HeaderValue::from_static(code);
                let name = if code.is_empty() {
                    "x-other"
                } else {
                    "grpc-status"
                };
                Some(Ok(HeaderMap::from_iter([(name.parse().unwrap(), status)])))
            };
            let body = Full::new(bytes::Bytes::from_static(b"\0\0\0\0\0")).with_trailers(trailers);
            let mut response = Response::new(body.boxed_unsync());
            let grpc = HeaderValue::from_static("application/grpc");
            response.headers_mut().insert("content-type", grpc);
            Ok::<_, Infallible>(response)
        };
        let service = ServiceBuilder::new()
            .layer(layer)
            .service(service_fn(answer));
        let request = crate::server::post("17").header("content-type", "application/grpc");
        let response = service
            .oneshot(request.body(Full::default()).unwrap())
            .await;
        response.unwrap().into_body().collect().await.unwrap();
        let counts = counts.snapshot();
        let ended = [
            (counts.completed, "completed"),
            (counts.released, "released"),
            (counts.abandoned, "abandoned"),
        ];
        for (count, name) in ended {
            assert_eq!(count, u64::from(name == expected), "{code}: {name}");
        }
    }
}

#[tokio::test]
async fn refusals_are_statuses() {
    let (layer, _) = layer();
    let (channel, tally) = serve(layer.clone(), paid).await;
    pay(&channel, "17", "to Ann").await.unwrap();
    let mismatch = pay(&channel, "17", "to Bob").await.unwrap_err();
    assert_eq!(mismatch.code(), Code::FailedPrecondition);
    let said = "the idempotency key was already used for a different request";
    assert_eq!(mismatch.message(), said);
    let malformed = pay(&channel, "a, b", "to Ann").await.unwrap_err();
    assert_eq!(malformed.code(), Code::InvalidArgument);
    assert_eq!(tally.count(), 1);

    let (channel, _) = serve(layer.clone().max_request_body(3), paid).await;
    let large = pay(&channel, "18", "to Ann").await.unwrap_err();
    assert_eq!(large.code(), Code::ResourceExhausted);

    let (channel, _) = serve(layer.max_response_body(3), paid).await;
    pay(&channel, "19", "to Ann").await.unwrap();
    let omitted = pay(&channel, "19", "to Ann").await.unwrap_err();
    assert_eq!(omitted.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn a_call_without_a_needed_key_or_principal_is_refused() {
    use sluicegate::{idempotency::IdempotencyLayer, key};
    use tower::{Layer, ServiceExt, service_fn};

    let echo = service_fn(async |_: ::http::Request<Body>| {
        Ok::<_, Infallible>(::http::Response::new(Body::empty()))
    });
    let layer = IdempotencyLayer::new(Local::new()).principal(key::header("x-user"));
    let service = layer.require_all().layer(echo);
    let grpc = |request: ::http::request::Builder| {
        let request = request.header("content-type", "application/grpc");
        service
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
    };
    let Ok(missing) = grpc(crate::server::keyless()).await;
    assert_eq!(
        (missing.status().as_u16(), &missing.headers()["grpc-status"]),
        (200, &"3".parse().unwrap())
    );
    let Ok(nobody) = grpc(crate::server::post("17")).await;
    assert_eq!(nobody.headers()["grpc-status"], "16");
}

#[tokio::test]
async fn a_duplicate_call_is_told_when_to_retry() {
    let permits = Arc::new(Semaphore::new(0));
    let gate = permits.clone();
    let (layer, _) = layer();
    let (channel, tally) = serve(layer, move |nth| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            paid(nth).await
        }
    })
    .await;
    let first = tokio::spawn({
        let channel = channel.clone();
        async move { pay(&channel, "17", "to Ann").await }
    });
    while tally.count() == 0 {
        tokio::task::yield_now().await;
    }
    let running = pay(&channel, "17", "to Ann").await.unwrap_err();
    assert_eq!(running.code(), Code::Aborted);
    assert_eq!(
        running.metadata().get("grpc-retry-pushback-ms").unwrap(),
        "1000"
    );
    permits.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap().get_ref(), "paid 1");
}

#[tokio::test]
async fn a_failed_store_makes_a_call_unavailable() {
    let store = Moody::new();
    let (channel, tally) = serve(layer_over(store.clone()).0, paid).await;
    store.fail(2, Mood::Away);
    let refused = pay(&channel, "17", "to Ann").await.unwrap_err();
    assert_eq!((refused.code(), tally.count()), (Code::Unavailable, 0));
}

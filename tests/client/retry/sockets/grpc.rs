//! gRPC by tonic's channel, and a server that is made of frames.

use sluicegate::client::RetryLayer;
use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::Layer;

use super::server::{
    DATA, END_HEADERS, END_STREAM, HEADERS, Reply, STATUS_200, Scripted, field, frame, go_away,
    grpc_head, grpc_trailers, message, quick, reset,
};

/// Calls a method that is idempotent, or not. Returns how often it arrived, and
/// its status.
async fn sent(is_idempotent: bool, script: Vec<Reply>) -> (usize, Code) {
    sent_by(quick(), is_idempotent, script).await
}

async fn sent_by(layer: RetryLayer, is_idempotent: bool, script: Vec<Reply>) -> (usize, Code) {
    let server = Scripted::start(true, script).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let layer = layer.idempotent(move |path| {
        assert_eq!(path, "/grpc.health.v1.Health/Check");
        is_idempotent
    });
    let mut client = HealthClient::new(layer.layer(endpoint.connect_lazy()));
    let result = client.check(HealthCheckRequest::default()).await;
    let served = server.served();
    assert!(
        served.iter().all(|data| *data == served[0]),
        "each attempt has the message"
    );
    (
        server.calls(),
        result.map_or_else(|status| status.code(), |_| Code::Ok),
    )
}

fn keep(frames: &[Vec<u8>]) -> Vec<Reply> {
    vec![Reply::Keep(frames.concat())]
}

fn trailers_only(code: &str, fields: &[(&str, &str)]) -> Vec<Reply> {
    let mut payload = vec![STATUS_200];
    payload.extend(field("content-type", "application/grpc"));
    payload.extend(field("grpc-status", code));
    for (name, value) in fields {
        payload.extend(field(name, value));
    }
    keep(&[frame(HEADERS, END_HEADERS | END_STREAM, 1, &payload)])
}

#[tokio::test]
async fn unavailable_is_repeated_for_a_method_that_is_named() {
    let in_trailers = || keep(&[grpc_head(), grpc_trailers("14", &[])]);
    for script in [trailers_only("14", &[]), in_trailers()] {
        assert_eq!(sent(true, script.clone()).await, (2, Code::Ok));
        assert_eq!(sent(false, script).await, (1, Code::Unavailable));
    }
}

#[tokio::test]
async fn a_call_that_was_not_processed_is_always_repeated() {
    for frames in [reset(1, 7), go_away(0, 0)] {
        assert_eq!(sent(false, keep(&[frames])).await, (2, Code::Ok));
    }
}

#[tokio::test]
async fn pushback_of_a_real_server_is_obeyed() {
    let pushed = |value| trailers_only("14", &[("grpc-retry-pushback-ms", value)]);
    assert_eq!(sent(true, pushed("0")).await, (2, Code::Ok));
    for never in ["-1", "soon", "1000000000000"] {
        assert_eq!(
            sent(true, pushed(never)).await,
            (1, Code::Unavailable),
            "{never}"
        );
    }
    let exhausted = trailers_only("8", &[("grpc-retry-pushback-ms", "1")]);
    assert_eq!(sent(true, exhausted).await, (2, Code::Ok));
}

#[tokio::test]
async fn after_a_message_the_caller_decides() {
    let told = keep(&[grpc_head(), message(), grpc_trailers("14", &[])]);
    assert_eq!(sent(true, told).await, (1, Code::Unavailable));
}

#[tokio::test]
async fn wrong_trailers_and_cut_messages_are_delivered() {
    let wrong = [
        keep(&[grpc_head(), grpc_trailers("fourteen", &[])]),
        keep(&[
            grpc_head(),
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &field("x-a", "b")),
        ]),
        keep(&[grpc_head(), frame(DATA, END_STREAM, 1, &[])]),
        keep(&[grpc_head(), frame(DATA, END_STREAM, 1, &[0, 0, 0])]),
        keep(&[grpc_head(), reset(1, 2)]),
        vec![Reply::Close(grpc_head())],
    ];
    for script in wrong {
        let (calls, code) = sent(true, script.clone()).await;
        assert_eq!(calls, 1, "{script:?}");
        assert_ne!(code, Code::Ok, "{script:?}");
    }
}

#[tokio::test]
async fn a_channel_that_cannot_connect_was_not_sent() {
    let address = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let counts = std::sync::Arc::new(sluicegate::client::retry::Counts::default());
    let layer = quick().observe(counts.clone());
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = HealthClient::new(layer.layer(endpoint.connect_lazy()));
    let status = client
        .check(HealthCheckRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let counted = counts.snapshot();
    assert_eq!((counted.retried_not_sent, counted.attempts()), (2, 3));
}

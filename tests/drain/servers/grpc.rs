//! tonic's server, with tonic's client and with `grpcio`.

use std::{env, net::SocketAddr, process::Stdio};

use sluicegate::drain::{Drain, Report};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::Command,
    task::JoinHandle,
};
use tonic::{
    Code,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::time::Still;
use crate::support::{drain, is_long, ms};

/// A server whose method `Watch` streams for ever.
async fn serve(drain: &Drain) -> (SocketAddr, JoinHandle<Report>) {
    let (health, service) = tonic_health::server::health_reporter();
    health
        .set_service_status("orders", tonic_health::ServingStatus::Serving)
        .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().layer(drain.layer()).add_service(service);
    let incoming = TcpIncoming::from(listener);
    let server = server.serve_with_incoming_shutdown(incoming, drain.signalled());
    let drain = drain.clone();
    let served = tokio::spawn(async move {
        // The reporter ends the streams when it is dropped.
        let _health = health;
        drain.serve(server).await.unwrap()
    });
    (address, served)
}

fn orders() -> HealthCheckRequest {
    HealthCheckRequest {
        service: "orders".into(),
    }
}

const WATCH: &str = "POST /grpc.health.v1.Health/Watch";

#[tokio::test]
async fn a_stream_ends_with_unavailable_and_not_with_a_reset() {
    let (drain, still) = (drain(), Still::new());
    let (address, served) = serve(&drain).await;
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = HealthClient::new(channel.connect().await.unwrap());
    let mut stream = client.watch(orders()).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    drain.begin();
    still.pass(ms(100)).await;
    still.pass(ms(700)).await;
    still.pass(ms(50)).await;
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "the server shuts down, retry elsewhere");
    assert_eq!(
        status.metadata().get("grpc-retry-pushback-ms").unwrap(),
        "0"
    );
    let report = served.await.unwrap();
    assert_eq!(report.by_name()[WATCH].cancelled, 1, "{report}");
    assert!(report.is_clean());
}

#[tokio::test]
async fn a_second_signal_ends_a_stream_at_once() {
    let (drain, _still) = (drain(), Still::new());
    let (address, served) = serve(&drain).await;
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = HealthClient::new(channel.connect().await.unwrap());
    let mut stream = client.watch(orders()).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    drain.signal();
    drain.signal();
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let report = served.await.unwrap();
    assert_eq!(report.by_name()[WATCH].aborted, 1, "{report}");
}

/// Watches the service `orders`, and prints the code and the text of the status
/// with which that ends.
const WATCHER: &str = r#"
import sys, grpc
channel = grpc.insecure_channel(sys.argv[1])
watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
try:
    for number, reply in enumerate(watch(b"\n\x06orders", timeout=60)):
        print("reply", flush=True)
except grpc.RpcError as error:
    print(error.code().name, error.details(), flush=True)
"#;

/// The Python that has `grpcio`: the variable `SLUICEGATE_PYTHON`, or `python3`.
async fn python() -> String {
    let python = env::var("SLUICEGATE_PYTHON").unwrap_or_else(|_| "python3".into());
    let import = ["-c", "import grpc"];
    let found = Command::new(&python).args(import).output().await;
    assert!(
        found.is_ok_and(|ended| ended.status.success()),
        "{python} has no grpcio: run `python3 -m venv target/python && target/python/bin/pip \
         install grpcio`, and set SLUICEGATE_PYTHON to the path of target/python/bin/python"
    );
    python
}

/// In the long form only, because it needs Python with `grpcio`.
#[tokio::test]
async fn a_stream_of_grpcio_ends_with_unavailable() {
    if !is_long() {
        println!("not run: it is part of the long form, SLUICEGATE_DRAIN=long");
        return;
    }
    let python = python().await;
    let (drain, still) = (drain(), Still::new());
    let (address, served) = serve(&drain).await;
    let mut watcher = Command::new(python)
        .args(["-c", WATCHER, &address.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "reply");
    drain.begin();
    for step in [100, 700, 50] {
        still.pass(ms(step)).await;
    }
    let end = lines.next_line().await.unwrap().unwrap();
    assert_eq!(end, "UNAVAILABLE the server shuts down, retry elsewhere");
    let report = served.await.unwrap();
    assert_eq!(report.by_name()[WATCH].cancelled, 1, "{report}");
}

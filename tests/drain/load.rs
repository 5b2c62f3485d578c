//! A drain under load: requests that a server has accepted are not lost.
//!
//! `SLUICEGATE_DRAIN=long` drains 50 times with ten times as many clients, and
//! then measures how long after its budget a drain of a stuck server ends.

use std::{
    collections::HashSet,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use axum::{
    Router,
    extract::{
        Path, State,
        ws::{Message as ServerMessage, WebSocketUpgrade},
    },
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::get,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sluicegate::drain::{Drain, DrainGuard, Report};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};
use tokio_tungstenite::{connect_async, tungstenite::Message};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{is_long, ms};

/// The numbers of requests: those that handlers began, and those whose clients
/// got the whole response.
#[derive(Default)]
struct Requests {
    next: AtomicU64,
    accepted: Mutex<HashSet<u64>>,
    answered: Mutex<HashSet<u64>>,
}

impl Requests {
    fn number(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    fn accept(&self, number: u64) {
        self.accepted.lock().unwrap().insert(number);
    }

    fn answer(&self, number: u64) {
        self.answered.lock().unwrap().insert(number);
    }

    fn lost(&self) -> usize {
        let answered = self.answered.lock().unwrap();
        let accepted = self.accepted.lock().unwrap();
        accepted.difference(&answered).count()
    }
}

type Shared = Arc<Requests>;
type Served = tokio::task::JoinHandle<Report>;

/// Answers in several chunks, after a while.
async fn chunked(State(requests): State<Shared>, Path(number): Path<u64>) -> Response {
    requests.accept(number);
    sleep(ms(number % 7)).await;
    let chunks = stream::iter(0..4).then(|chunk| async move {
        sleep(ms(chunk)).await;
        Ok::<_, Infallible>(Bytes::from_static(b"chunk"))
    });
    axum::body::Body::from_stream(chunks).into_response()
}

async fn events(State(requests): State<Shared>, Path(number): Path<u64>) -> impl IntoResponse {
    requests.accept(number);
    let events = stream::iter(0_u64..).then(|event| async move {
        sleep(ms(5)).await;
        Ok::<_, Infallible>(Event::default().data(event.to_string()))
    });
    Sse::new(events)
}

async fn socket(
    State(requests): State<Shared>,
    Path(number): Path<u64>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let guard = DrainGuard::current().expect("the layer is around this handler");
    requests.accept(number);
    upgrade.on_upgrade(move |mut socket| async move {
        guard.cancelled().await;
        _ = socket.send(ServerMessage::Close(None)).await;
    })
}

/// Serves HTTP and gRPC, each on a port of its own.
async fn serve(drain: &Drain, requests: &Shared) -> ([SocketAddr; 2], Served) {
    let app = Router::new()
        .route("/chunked/{number}", get(chunked))
        .route("/events/{number}", get(events))
        .route("/socket/{number}", get(socket))
        .with_state(requests.clone())
        .layer(drain.layer().last_event("goodbye", "elsewhere"));
    let (health, service) = tonic_health::server::health_reporter();
    health
        .set_service_status("", tonic_health::ServingStatus::Serving)
        .await;
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0"));
    let [http, grpc] = futures_util::future::join_all(listeners)
        .await
        .try_into()
        .unwrap();
    let (http, grpc) = (http.unwrap(), grpc.unwrap());
    let addresses = [http.local_addr().unwrap(), grpc.local_addr().unwrap()];
    let http = axum::serve(http, app).with_graceful_shutdown(drain.signalled());
    let incoming = tonic::transport::server::TcpIncoming::from(grpc);
    let grpc = tonic::transport::Server::builder()
        .layer(drain.layer())
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, drain.signalled());
    let drain = drain.clone();
    let served = tokio::spawn(async move {
        let _health = health;
        let both = async {
            let http = async { http.await.map_err(|error| error.to_string()) };
            let grpc = async { grpc.await.map_err(|error| error.to_string()) };
            tokio::try_join!(http, grpc)
        };
        drain.serve(both).await.unwrap()
    });
    (addresses, served)
}

/// Sends requests one after the other, until the server accepts no more.
async fn client(address: SocketAddr, requests: Shared, is_http2: bool) {
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new())
        .http2_only(is_http2)
        // A request that is sent again would be counted as answered.
        .retry_canceled_requests(false)
        .build_http();
    loop {
        let number = requests.number();
        let uri = format!("http://{address}/chunked/{number}");
        let request = Request::get(uri).body(Empty::new()).unwrap();
        let Ok(response) = client.request(request).await else {
            return;
        };
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            return;
        }
        let body = response.into_body().collect().await;
        if body.is_ok_and(|body| body.to_bytes().len() == 20) {
            requests.answer(number);
        }
    }
}

/// Listens to events until their stream ends with its goodbye.
async fn listener(address: SocketAddr, requests: Shared) {
    let client: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let number = requests.number();
    let uri = format!("http://{address}/events/{number}");
    let request = Request::get(uri).body(Empty::new()).unwrap();
    let Ok(response) = client.request(request).await else {
        return;
    };
    let Ok(body) = response.into_body().collect().await else {
        return;
    };
    if body
        .to_bytes()
        .ends_with(b"event: goodbye\ndata: elsewhere\n\n")
    {
        requests.answer(number);
    }
}

/// Keeps a WebSocket open until it is closed with a goodbye.
async fn talker(address: SocketAddr, requests: Shared) {
    let number = requests.number();
    let Ok((mut socket, _)) = connect_async(format!("ws://{address}/socket/{number}")).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        if matches!(message, Message::Close(_)) {
            requests.answer(number);
        }
    }
}

/// Watches a stream of gRPC until it ends with a status.
async fn watcher(address: SocketAddr, requests: Shared) {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let Ok(channel) = endpoint.connect().await else {
        return;
    };
    let request = HealthCheckRequest::default();
    let Ok(stream) = HealthClient::new(channel).watch(request).await else {
        return;
    };
    let (number, mut stream) = (requests.number(), stream.into_inner());
    // The server has answered, so it has accepted.
    requests.accept(number);
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(status) if status.code() == tonic::Code::Unavailable => {
                return requests.answer(number);
            }
            Err(_) => return,
        }
    }
}

async fn drained_under_load(clients: usize) -> (usize, usize, Report) {
    let drain = Drain::builder()
        .budget(ms(8_600))
        .lame_duck(ms(50))
        .cancelling(ms(8_000))
        .closing(ms(500))
        .build();
    let requests = Shared::default();
    let ([http, grpc], served) = serve(&drain, &requests).await;
    let mut tasks = JoinSet::new();
    for number in 0..clients {
        tasks.spawn(client(http, requests.clone(), number % 2 == 0));
        if number % 4 == 0 {
            tasks.spawn(listener(http, requests.clone()));
            tasks.spawn(talker(http, requests.clone()));
            tasks.spawn(watcher(grpc, requests.clone()));
        }
    }
    while requests.answered.lock().unwrap().len() < 4 * clients {
        sleep(ms(1)).await;
    }
    drain.begin();
    let report = served.await.unwrap();
    while tasks.join_next().await.is_some() {}
    let accepted = requests.accepted.lock().unwrap().len();
    (accepted, requests.lost(), report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_request_is_lost() {
    let (rounds, clients) = if is_long() { (50, 80) } else { (1, 8) };
    let mut all = 0;
    for _ in 0..rounds {
        let (accepted, lost, report) = drained_under_load(clients).await;
        assert_eq!(
            (lost, report.total().aborted),
            (0, 0),
            "of {accepted}: {report}"
        );
        all += accepted;
    }
    println!("{rounds} drains: 0 of {all} accepted requests lost");
}

/// Not in the short form, because it measures a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_server_ends_with_its_budget() {
    let rounds = if is_long() { 20 } else { 1 };
    for _ in 0..rounds {
        let drain = Drain::builder()
            .budget(ms(600))
            .lame_duck(ms(100))
            .cancelling(ms(200))
            .closing(ms(100))
            .build();
        let app = Router::new()
            .route("/", get(std::future::pending::<()>))
            .layer(drain.layer());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = axum::serve(listener, app).with_graceful_shutdown(drain.signalled());
        let served = tokio::spawn({
            let drain = drain.clone();
            async move { drain.serve(server).await.unwrap() }
        });
        let client: Client<HttpConnector, Empty<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let uri: http::Uri = format!("http://{address}/").parse().unwrap();
        let stuck = tokio::spawn(async move { client.get(uri).await.unwrap().status() });
        while drain.in_flight() == 0 {
            sleep(ms(1)).await;
        }
        let begun = Instant::now();
        drain.begin();
        let report = served.await.unwrap();
        let took = begun.elapsed();
        assert_eq!(report.total().aborted, 1, "{report}");
        assert_eq!(stuck.await.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
        if is_long() {
            println!("the drain of 600 ms took {took:?}");
            assert!(took <= ms(700), "{took:?}");
        }
    }
}

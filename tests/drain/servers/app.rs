//! The server of these tests.

use std::{convert::Infallible, net::SocketAddr, process::Output, sync::Arc};

use axum::{
    Router,
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::get,
};
use futures_util::{StreamExt, stream};
use sluicegate::drain::{Drain, DrainGuard, Report, Stage};
use tokio::{
    net::{TcpListener, TcpStream},
    process::Command,
    sync::Semaphore,
    task::{JoinHandle, yield_now},
};

/// Says when handlers may go on, and that they have begun.
#[derive(Clone)]
pub(crate) struct Gate {
    begun: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    /// Waits for a handler to begin.
    pub(crate) async fn begun(&self) {
        self.begun.acquire().await.unwrap().forget();
    }

    /// Lets one handler go on.
    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }

    fn entered(&self) {
        self.begun.add_permits(1);
    }
}

async fn gated(State(gate): State<Gate>) -> &'static str {
    gate.entered();
    gate.open.acquire().await.unwrap().forget();
    "done\n"
}

async fn events(State(gate): State<Gate>) -> impl IntoResponse {
    gate.entered();
    let events = stream::once(async { Ok::<_, Infallible>(Event::default().data("1")) });
    Sse::new(events.chain(stream::pending()))
}

async fn guarded_socket(State(gate): State<Gate>, upgrade: WebSocketUpgrade) -> Response {
    let guard = DrainGuard::current().expect("the layer is around this handler");
    upgrade.on_upgrade(move |mut socket| async move {
        gate.entered();
        let _ = guard.clone().run(echo(&mut socket, Some(guard))).await;
    })
}

async fn bare_socket(State(gate): State<Gate>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |mut socket| async move {
        gate.entered();
        echo(&mut socket, None).await;
    })
}

/// Sends back what comes, and says goodbye when the drain cancels.
async fn echo(socket: &mut WebSocket, guard: Option<DrainGuard>) {
    let told = async {
        match &guard {
            Some(guard) => guard.cancelled().await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(told);
    loop {
        tokio::select! {
            biased;
            () = &mut told => {
                let reason = "the server restarts".into();
                let close = CloseFrame { code: 1012, reason };
                _ = socket.send(Message::Close(Some(close))).await;
                return;
            }
            message = socket.recv() => match message {
                Some(Ok(message)) => _ = socket.send(message).await,
                _ => return,
            },
        }
    }
}

/// A server, and its drain.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) drain: Drain,
    pub(crate) gate: Gate,
    served: JoinHandle<Report>,
}

impl App {
    pub(crate) async fn start() -> Self {
        let drain = crate::support::drain();
        let gate = Gate {
            begun: Arc::new(Semaphore::new(0)),
            open: Arc::new(Semaphore::new(0)),
        };
        let app = Router::new()
            .route("/hello", get(|| async { "hello\n" }))
            .route("/gated", get(gated))
            .route("/events", get(events))
            .route("/socket", get(guarded_socket))
            .route("/bare", get(bare_socket))
            .with_state(gate.clone())
            .layer(drain.layer().last_event("goodbye", "elsewhere"))
            .route("/readyz", drain.readiness().route());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = axum::serve(listener, app).with_graceful_shutdown(drain.signalled());
        let served = tokio::spawn({
            let drain = drain.clone();
            async move { drain.serve(server).await.unwrap() }
        });
        Self {
            address,
            drain,
            gate,
            served,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until the listener is closed.
    pub(crate) async fn refuses_connections(&self) {
        while TcpStream::connect(self.address).await.is_ok() {
            yield_now().await;
        }
    }

    /// Waits until the drain has come to this stage.
    pub(crate) async fn reaches(&self, stage: Stage) {
        while self.drain.stage() < stage {
            yield_now().await;
        }
    }

    pub(crate) async fn report(self) -> Report {
        self.served.await.unwrap()
    }
}

/// Runs curl.
pub(crate) fn curl(arguments: &[&str]) -> JoinHandle<Output> {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--max-time", "60"])
        .args(arguments)
        .kill_on_drop(true);
    tokio::spawn(async move {
        let output = command.output().await;
        output.expect("curl is on the PATH")
    })
}

/// Returns what curl has printed, if it was content.
pub(crate) async fn printed(curl: JoinHandle<Output>) -> String {
    let output = curl.await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

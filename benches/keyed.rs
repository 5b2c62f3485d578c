//! Measures what an idempotency layer with a store in the process adds to a request,
//! beside the targets.
//!
//! `cargo bench -p benches --bench keyed` prints a Markdown table of nanoseconds. The
//! targets are for an idle machine: run it again before a row counts as missed. For the
//! stores alone, see the bench `idempotency`; for Redis, `redis`.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod workload;

use std::{convert::Infallible, time::Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use sluicegate::idempotency::{IdempotencyLayer, Local};
use tokio::{runtime::Builder, task::yield_now};
use tower::{Layer, Service, service_fn};

use workload::pair::quartiles;

/// The number of requests in a turn, and the number of turns.
const TURN: u64 = 256;
const TURNS: u64 = 201;

/// The size of the bodies of requests and of responses, in bytes.
static BODY: Bytes = Bytes::from_static(&[b'x'; 1_024]);

struct Row {
    what: &'static str,
    request: fn(u64) -> Request<Full<Bytes>>,
    /// Whether the service waits before it responds.
    waits: bool,
    /// Whether the service runs, so that its own time is subtracted.
    runs: bool,
    /// The target in nanoseconds.
    target: Option<u32>,
}

const ROWS: [Row; 4] = [
    Row {
        what: "without a key, added",
        request: |_| request(),
        waits: false,
        runs: true,
        target: Some(20),
    },
    Row {
        what: "first with a key, added",
        request: |nth| keyed(nth),
        waits: false,
        runs: true,
        target: Some(6_000),
    },
    Row {
        what: "first with a key, work that waits, added",
        request: |nth| keyed(nth),
        waits: true,
        runs: true,
        target: None,
    },
    Row {
        what: "replay, all of it",
        request: |nth| keyed(nth % TURN),
        waits: false,
        runs: false,
        target: Some(4_000),
    },
];

fn main() {
    println!("| request of 1 KiB, answer too | runtime | ns, median (quartiles) | at most |");
    println!("|---|---|---|---|");
    table("current thread", Builder::new_current_thread());
    let mut workers = Builder::new_multi_thread();
    workers.worker_threads(2);
    table("two workers", workers);
}

fn table(name: &str, mut runtime: Builder) {
    let runtime = runtime.enable_time().build().expect("a runtime");
    for row in &ROWS {
        // In a task, like the requests of a server.
        let measured = runtime.block_on(async { tokio::spawn(row.measure()).await });
        row.print(name, measured.expect("the task has ended"));
    }
}

impl Row {
    async fn measure(&self) -> [f64; 3] {
        let waits = self.waits;
        let mut bare = service_fn(move |_| answer(waits));
        let store = Local::builder().capacity(1 << 30).build();
        let mut behind = IdempotencyLayer::new(store).global_scope().layer(bare);
        let mut turns = Vec::new();
        for turn in 0..=TURNS {
            let alone = time(&mut bare, self.turn(turn)).await;
            let all = time(&mut behind, self.turn(turn)).await;
            turns.push(if self.runs { all - alone } else { all });
        }
        // The first turn has nothing to replay.
        quartiles(turns.into_iter().skip(1))
    }

    fn turn(&self, turn: u64) -> Vec<Request<Full<Bytes>>> {
        let requests = turn * TURN..(turn + 1) * TURN;
        requests.map(self.request).collect()
    }

    fn print(&self, runtime: &str, [low, median, high]: [f64; 3]) {
        let figures = format!("{median:.0} ({low:.0} to {high:.0})");
        let target = match self.target {
            Some(target) if median > target.into() => format!("{target}: missed"),
            Some(target) => target.to_string(),
            None => String::new(),
        };
        println!("| {} | {runtime} | {figures} | {target} |", self.what);
    }
}

/// Returns the nanoseconds per request, up to the end of the response.
async fn time<S, B>(service: &mut S, requests: Vec<Request<Full<Bytes>>>) -> f64
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let begun = Instant::now();
    for request in requests {
        let Ok(response) = service.call(request).await;
        let Ok(body) = response.into_body().collect().await else {
            panic!("a body of a bench has one frame");
        };
        assert_eq!(body.to_bytes().len(), BODY.len());
    }
    begun.elapsed().as_nanos() as f64 / TURN as f64
}

async fn answer(waits: bool) -> Result<Response<Full<Bytes>>, Infallible> {
    if waits {
        yield_now().await;
    }
    Ok(Response::new(Full::new(BODY.clone())))
}

fn request() -> Request<Full<Bytes>> {
    let json = HeaderValue::from_static("application/json");
    let mut request = Request::new(Full::new(BODY.clone()));
    *request.method_mut() = http::Method::POST;
    request.headers_mut().insert(CONTENT_TYPE, json);
    request
}

fn keyed(nth: u64) -> Request<Full<Bytes>> {
    let key = HeaderValue::try_from(format!("\"8e03978e-40d5-43dd-bc93-{nth:012x}\""));
    let key = key.expect("a key is a header value");
    let mut request = request();
    request.headers_mut().insert("idempotency-key", key);
    request
}

//! Measures what a limit of concurrency adds to a request that finds a permit free,
//! beside the targets and tower's limit; and what a drain adds that counts it in flight.
//!
//! `cargo bench -p benches --bench concurrency` prints a Markdown table of nanoseconds;
//! with `-- keyed` only the rows with this word. The targets are for an idle machine: run
//! it again before a row counts as missed.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod workload;

#[path = "../tests/redis/server.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod server;

use std::{
    convert::Infallible,
    env,
    future::{Ready, ready},
    hint::black_box,
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use sluicegate::{
    concurrency::{Adaptive, ConcurrencyLayer, Local, Queue, Redis},
    criticality::Criticality,
    drain::Drain,
    key,
    redis::Connection,
};
use tower::{
    Layer, Service, ServiceExt, limit::GlobalConcurrencyLimitLayer, service_fn, util::ServiceFn,
};

use server::Server;
use workload::pair::quartiles;

/// The number of requests in a turn, and the number of turns.
const TURN: usize = 1_024;
const TURNS: usize = 401;

/// Far more than one request at a time needs.
const LIMIT: u32 = 1_000;

static BODY: Bytes = Bytes::from_static(b"hello");

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let table = Table::begin();
    let ours = || ConcurrencyLayer::new(Local::new(LIMIT));
    table.row("free permit", Some(60), ours()).await;
    let local = Local::builder(LIMIT).queue(Queue::new(50));
    let queued = ConcurrencyLayer::new(local.clone().build());
    table.row("free permit, with a queue", None, queued).await;
    let reserved = local.reserve(Criticality::Critical, 0.2).build();
    let reserved = ConcurrencyLayer::new(reserved);
    table
        .row("free permit, with a queue and a reserve", None, reserved)
        .await;
    let keyed = ConcurrencyLayer::new(Local::keyed(LIMIT)).key(key::header("x-tenant"));
    table
        .row("free permit, keyed by a header", None, keyed)
        .await;
    let server = Server::start();
    let leased = leased(&server).await;
    table
        .row("free permit, leased from Redis", None, leased)
        .await;
    let adaptive = |adaptive| ConcurrencyLayer::new(Local::adaptive(adaptive));
    let mean = adaptive(Adaptive::gradient());
    table.row("adaptive", Some(120), mean).await;
    let median = adaptive(Adaptive::gradient().percentile(0.5));
    table
        .row("adaptive, by the median", Some(120), median)
        .await;
    let aimd = ConcurrencyLayer::new(Local::adaptive(Adaptive::aimd()));
    table.row("adaptive, AIMD", Some(120), aimd).await;
    let tower = GlobalConcurrencyLimitLayer::new(LIMIT as usize);
    table.row("free permit, tower", None, tower).await;
    let drain = Drain::new();
    table.row("in flight of a drain", None, drain.layer()).await;
}

/// A layer that leases its permits from this server.
async fn leased(server: &Server) -> ConcurrencyLayer<Redis> {
    let connection = Connection::connect(server.url()).await;
    let connection = connection.expect("the server runs");
    ConcurrencyLayer::new(Redis::new("db", LIMIT, &connection))
}

/// A Markdown table of what layers add. Words on the command line choose the rows that
/// contain any of them.
struct Table {
    wanted: Vec<String>,
}

impl Table {
    /// Writes the head of the table.
    fn begin() -> Self {
        println!("| request with a small body | ns added, median (quartiles) | at most |");
        println!("|---|---|---|");
        let words = env::args().skip(1);
        Self {
            wanted: words.filter(|word| !word.starts_with('-')).collect(),
        }
    }

    /// Measures a layer in turn with the bare service, if its row is chosen.
    async fn row<L, S, B>(&self, what: &str, target: Option<u32>, layer: L)
    where
        L: Layer<Bare, Service = S>,
        S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
        B: Body<Data = Bytes> + Unpin,
    {
        let is_wanted = |word: &String| what.contains(word.as_str());
        if !self.wanted.is_empty() && !self.wanted.iter().any(is_wanted) {
            return;
        }
        let (mut bare, mut behind) = (bare(), layer.layer(bare()));
        let mut added = Vec::new();
        for _ in 0..TURNS {
            let alone = time(&mut bare).await;
            added.push(time(&mut behind).await - alone);
        }
        let [low, median, high] = quartiles(added.into_iter());
        let target = match target {
            Some(target) if median > target.into() => format!("{target}: missed"),
            Some(target) => target.to_string(),
            None => String::new(),
        };
        println!("| {what} | {median:.0} ({low:.0} to {high:.0}) | {target} |");
    }
}

type Bare = ServiceFn<fn(Request<()>) -> Ready<Result<Response<Full<Bytes>>, Infallible>>>;

fn bare() -> Bare {
    service_fn(|_| ready(Ok(Response::new(Full::new(BODY.clone())))))
}

/// Returns the nanoseconds per request, up to the end of the response.
async fn time<S, B>(service: &mut S) -> f64
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes> + Unpin,
{
    let requests: Vec<_> = (0..TURN).map(|_| request()).collect();
    let begun = Instant::now();
    for request in requests {
        let Ok(service) = service.ready().await;
        let Ok(response) = service.call(request).await;
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            assert!(black_box(frame).is_ok());
        }
    }
    begun.elapsed().as_nanos() as f64 / TURN as f64
}

fn request() -> Request<()> {
    let mut request = Request::new(());
    let tenant = HeaderValue::from_static("acme");
    request.headers_mut().insert("x-tenant", tenant);
    request
}

//! A small orders API that limits each client, by any of the rules.
//!
//! ```text
//! cargo run --release --example orders
//! cargo run --release --example orders -- --algorithm sliding-window --limit 5/10s
//! cargo run --release --example orders -- --help
//! ```
//!
//! Post an order and read it back. Then post 30, which is more than the burst:
//! 201 turns into 429. The health check is never refused.
//!
//! ```text
//! curl -i http://127.0.0.1:3000/orders -H 'content-type: application/json' -d '{"item":"book","quantity":2}'
//! curl -i http://127.0.0.1:3000/orders/1
//! for i in $(seq 30); do curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:3000/orders -H 'content-type: application/json' -d '{"item":"book","quantity":2}'; done
//! curl -i http://127.0.0.1:3000/healthz
//! ```
//!
//! With `--redis`, instances share the limit. Start a second one on another port
//! and post to both: together they admit as many requests as one instance alone.
//!
//! ```text
//! cargo run --release --example orders -- --redis redis://127.0.0.1/
//! cargo run --release --example orders -- --redis redis://127.0.0.1/ --listen 127.0.0.1:3001
//! redis-cli --scan --pattern 'sluicegate:*'
//! ```
//!
//! At most `--concurrency` requests are served at once. The others get a 503, the
//! least critical first:
//!
//! ```text
//! cargo run --release --example orders -- --concurrency 2
//! for i in 1 2 3 4; do curl -s -o /dev/null -w '%{http_code}\n' 'http://127.0.0.1:3000/slow?ms=2000' & done; wait
//! ```
//!
//! A request that takes too long gets a 504. Its remaining time is passed on to
//! the servers that it calls:
//!
//! ```text
//! curl -i -H 'x-request-timeout: 100ms' 'http://127.0.0.1:3000/slow?ms=300'
//! curl -i 'http://127.0.0.1:3000/chain?hops=3&ms=50'
//! ```
//!
//! An order with an `Idempotency-Key` is placed once, however often it is sent, even
//! if its client hangs up before the response. With `slow=1` it takes long enough to
//! try that. A key belongs to an API key (`x-api-key`), or to a client address.
//!
//! ```text
//! curl -i 'http://127.0.0.1:3000/orders?slow=1' -H 'idempotency-key: 17' -H 'content-type: application/json' -d '{"item":"book","quantity":2}'
//! cargo run --release --example orders -- --store durable:orders.db
//! ```
//!
//! If the instance is killed while an order runs, its outcome is unknown. After the
//! lease the order is placed once more, or refused with `--takeover refuse`; the
//! journal shows how often it was placed. To try that, start two instances, kill the
//! first with `kill -9` while the order runs, and send the order to the second:
//!
//! ```text
//! cargo run --release --example orders -- --redis redis://127.0.0.1/ --store redis --lease 5s --journal orders.log
//! cargo run --release --example orders -- --redis redis://127.0.0.1/ --store redis --lease 5s --journal orders.log --listen 127.0.0.1:3001 --first-id 1000
//! ```
//!
//! Metrics are there for Prometheus, and with `--redis` those of all instances
//! together:
//!
//! ```text
//! curl http://127.0.0.1:3000/metrics
//! curl 'http://127.0.0.1:3000/fleet?span=5m'
//! ```
//!
//! Ctrl-C or SIGTERM drains the server: requests in flight are finished within
//! `--drain`, and a second signal ends them. Try it while a request runs; the log names
//! its route:
//!
//! ```text
//! cargo run --release --example orders -- --deadline-default 1m
//! curl -i 'http://127.0.0.1:3000/slow?ms=30000'
//! ```
//!
//! A dashboard and alerts are in `examples/dashboards`.
//!
//! With a leaky bucket requests wait for their turn, so a client that sends one
//! after the other is slowed down and never refused. Replace the last `;` by `&` to
//! send all at once.

use std::{
    env,
    fmt::Display,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::{CommandFactory, Parser, ValueEnum, error::ErrorKind, value_parser};
use sluicegate::{
    InvalidSetting,
    drain::Drain,
    key::ClientIp,
    limit::Quota,
    red::{self, Registry},
    redis::{self, Connection},
};
use tokio::net::TcpListener;
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    prelude::*,
};

mod api;
mod chain;
mod journal;
mod keys;
mod limits;
mod problem;
mod store;
mod watch;

use self::{
    chain::Chain,
    journal::Journal,
    keys::{Keep, Once, Takeover},
    store::Orders,
};

/// An orders API that limits each client.
#[derive(Debug, Parser)]
#[command(name = "orders")]
struct Args {
    /// Address and port to listen on; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,

    /// Rule of the limit
    #[arg(long, value_enum, default_value_t = Algorithm::TokenBucket)]
    algorithm: Algorithm,

    /// Requests that a client may send, such as 5/10s, 3 per second or 100/1m burst
    /// 200. The burst may pass a token bucket or a meter at once, or wait in a leaky
    /// bucket; windows ignore it
    #[arg(
        long,
        value_name = "QUOTA",
        default_value = "10/1s burst 20",
        allow_hyphen_values = true
    )]
    limit: Quota,

    /// Network or address of a proxy whose X-Forwarded-For is trusted; can be
    /// repeated
    #[arg(long, value_name = "CIDR")]
    trust_proxy: Vec<String>,

    /// Requests that are served at once; 50 more wait for at most 100 ms. The others
    /// get a 503, the least critical first (x-criticality)
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = value_parser!(u32).range(1..1 << 24))]
    concurrency: u32,

    /// Log requests over a limit, but let them pass
    #[arg(long)]
    shadow: bool,

    /// Time limit of a request; one that asks for less gets less (x-request-timeout)
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = timeout)]
    deadline_default: Duration,

    /// Redis server that holds the limits of all instances
    #[arg(long, value_name = "URL")]
    redis: Option<String>,

    /// Store of the responses to requests with an Idempotency-Key: memory,
    /// durable:PATH or redis
    #[arg(long, value_name = "STORE", default_value = "memory")]
    store: Keep,

    /// Time after which another instance takes over an order from one that died or
    /// hangs: 10ms to 1day
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = lease)]
    lease: Duration,

    /// Whether an order whose instance died before it was done is placed once more
    /// or refused
    #[arg(long, value_enum, default_value_t = Takeover::Rerun)]
    takeover: Takeover,

    /// File that gets a line of JSON for each placed order; instances can share it
    #[arg(long, value_name = "PATH")]
    journal: Option<PathBuf>,

    /// Id of the first order; give each instance a range of its own
    #[arg(long, value_name = "ID", default_value_t = 1, value_parser = value_parser!(u64).range(1..=MAX_FIRST_ID))]
    first_id: u64,

    /// Time for a shutdown, from the first Ctrl-C or SIGTERM to the end; a second one
    /// ends it at once
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = timeout)]
    drain: Duration,

    /// Part of that time in which requests are still served and /readyz fails, so that
    /// load balancers notice
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    lame_duck: Duration,

    /// Whether requests pass, are refused or are limited by each instance alone
    /// while Redis does not answer
    #[arg(long, value_enum, default_value_t = OnFailure::Local)]
    on_redis_failure: OnFailure,
}

/// Readers of JSON know integers up to 2^53 exactly.
const MAX_FIRST_ID: u64 = 1 << 52;

/// Parses a lease of the length that `Claimant::lease` allows.
fn lease(text: &str) -> Result<Duration, String> {
    let possible = Duration::from_millis(10)..=Duration::from_secs(86_400);
    let parsed = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match possible.contains(&parsed) {
        true => Ok(parsed),
        false => Err("must be 10ms to 1day".into()),
    }
}

/// Parses a time limit. Zero is an error, because it would refuse every request.
fn timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be longer than zero".into()),
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Algorithm {
    TokenBucket,
    LeakyBucket,
    LeakyBucketMeter,
    SlidingWindow,
    SlidingLog,
    FixedWindow,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnFailure {
    Open,
    Closed,
    Local,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    log_to_stderr();
    let metrics = watch::metrics();
    let drain = drain(&args, &metrics).unwrap_or_else(|error| refuse("--drain", error));
    let client = client(&args).unwrap_or_else(|error| refuse("--trust-proxy", error));
    let redis = redis(&args).await;
    let listener = listen(&args.listen).await;
    let listener = listener.unwrap_or_else(|error| refuse("--listen", error));
    let fleet = redis.as_ref().map(|redis| join(&metrics, redis));
    let chain = Chain::new(address(&listener), &metrics);
    let once = Once {
        client: client.clone(),
        redis: redis.as_ref(),
        metrics: &metrics,
        lease: args.lease,
        takeover: args.takeover,
    };
    let journal = Journal::open(args.journal.as_deref());
    let journal = journal.unwrap_or_else(|error| refuse("--journal", error));
    let routes = api::routes(chain, Orders::new(args.first_id, journal));
    let placed = once.over(routes, &args.store).await;
    let api = placed.unwrap_or_else(|error| refuse("--store", error));
    let app = limits::app(&args, client, redis, &metrics, api);
    let app = app.unwrap_or_else(|error| refuse("--limit", error));
    let app = app
        .layer(drain.layer())
        .merge(watch::routes(&metrics, fleet.as_ref()))
        .route("/readyz", drain.readiness().route());
    flush_at_end(&drain, fleet);
    // Before the greeting: a reader of it may send a signal at once.
    drain.listen().expect("both signals can be handled");
    greet(&listener);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(drain.signalled());
    drain
        .serve(server)
        .await
        .expect("axum's server never fails");
}

/// Returns the drain, which is among the metrics.
fn drain(args: &Args, metrics: &Registry) -> Result<Drain, InvalidSetting> {
    let drain = Drain::builder()
        .budget(args.drain)
        .lame_duck(args.lame_duck)
        .observe(Arc::new(metrics.clone()))
        .try_build()?;
    metrics.drain(&drain);
    Ok(drain)
}

/// Writes the last counts after the last request.
fn flush_at_end(drain: &Drain, fleet: Option<red::Redis>) {
    let Some(fleet) = fleet else { return };
    drain.at_end("counts", async move {
        if let Err(error) = fleet.shutdown().await {
            tracing::warn!(%error, "the last counts could not be written to Redis");
        }
    });
}

/// Shares the counts with the fleet, and counts the calls to Redis.
fn join(metrics: &Registry, redis: &Connection) -> red::Redis {
    metrics.connection("main", redis);
    red::Redis::new("orders", metrics, redis)
}

fn client(args: &Args) -> Result<ClientIp, InvalidSetting> {
    match &args.trust_proxy[..] {
        [] => Ok(ClientIp::peer()),
        trusted => ClientIp::forwarded_for(trusted),
    }
}

/// Connects to Redis. An invalid address ends the process; a server that does not
/// answer is connected to later.
async fn redis(args: &Args) -> Option<Connection> {
    let builder = Connection::builder(args.redis.as_deref()?);
    let connection = match builder.clone().connect().await {
        Err(error) if error.kind() != redis::ErrorKind::Config => {
            tracing::warn!(%error, "starting without Redis");
            builder.lazy()
        }
        connected => connected,
    };
    Some(connection.unwrap_or_else(|error| refuse("--redis", error)))
}

/// Ends the process as clap does after an invalid value of a flag.
fn refuse(flag: &str, reason: impl Display) -> ! {
    let message = format!("invalid value for '{flag}': {reason}");
    let error = Args::command().error(ErrorKind::ValueValidation, message);
    error.exit()
}

async fn listen(address: &str) -> Result<TcpListener, String> {
    let allowed = "a free address and port of this machine, such as 127.0.0.1:3000";
    let refused = |error| format!("cannot listen on {address:?}: {error}; must be {allowed}");
    TcpListener::bind(address).await.map_err(refused)
}

/// Logs refusals, among other things. `RUST_LOG` chooses what, as in
/// `RUST_LOG=warn,sluicegate=debug`; without it, or if it is invalid, everything
/// from the level `info` on is logged.
fn log_to_stderr() {
    let chosen = env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    let targets = chosen.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    tracing_subscriber::registry()
        .with(lines.with_ansi(false))
        .with(targets)
        .init();
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a listener has an address")
}

fn greet(listener: &TcpListener) {
    let address = address(listener);
    let order = format!(
        r#"http://{address}/orders -H 'content-type: application/json' -d '{{"item":"book","quantity":2}}'"#
    );
    let greeting = format!(
        "listening on http://{address}, until Ctrl-C; try\n\
         \n\
         curl -i {order}\n\
         curl -i http://{address}/orders/1\n\
         for i in $(seq 30); do curl -s -o /dev/null -w '%{{http_code}}\\n' {order}; done\n\n",
    );
    // A closed stdout does not stop the server.
    _ = io::stdout().write_all(greeting.as_bytes());
}

//! Measures decisions in Redis, as ratios to the smallest script that keeps a limit, of
//! which each decision is one call over a connection of its own.
//!
//! `cargo bench -p benches --bench redis` starts a `redis-server` of its own, runs both
//! sides of every comparison in turn, and prints a Markdown table. Words on the command
//! line choose rows; `once` chooses those of idempotency. Without words it also prints
//! the time of a check while the server is stopped, and the memory of a bucket. CPU is
//! the time of the server's main thread in `INFO cpu`; commands are the calls of scripts
//! in `INFO commandstats`.

#[allow(dead_code, reason = "each bench uses a part of it")]
mod workload;

#[path = "../tests/redis/server.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod server;

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use sluicegate::{
    limit::{
        FailClosed, FailOpen, FixedWindow, LeakyBucket, Quota, Redis, RedisBuilder, Scripted,
        SlidingLog, SlidingWindow, TokenBucket,
    },
    redis::Connection,
};
use tokio::runtime::Runtime;

use server::Server;
use workload::{
    fleet::{Bench, Row, Side},
    keys::{Names, Order},
    once,
};

fn main() {
    let server = Server::start();
    let runtime = Runtime::new().expect("a runtime");
    let connection = Connection::builder(server.url().as_str()).timeout(Duration::from_secs(10));
    let connection = runtime
        .block_on(connection.connect())
        .expect("the server runs");
    let minimal = runtime.block_on(Minimal::connect(&server));
    let bench = Bench::begin(&runtime, server.client());

    let zipf = Names::of(&Order::zipf(100_000));
    let hot = Names::of(&Order::uniform(1));
    let plenty = TokenBucket::new(Quota::per_second(1_000_000).burst(1_000_000_000));
    let lasting = TokenBucket::new(Quota::per_hour(1_000_000).burst(1_000_000));
    let little = TokenBucket::new(Quota::per_hour(1).burst(1));
    let limit = |name: &str, rule| Redis::builder(name, rule, &connection);

    let zipfian = "100,000 keys, zipf";
    for (what, callers, names, targets) in [
        (zipfian, 256, &zipf, [1.75, 0.46]),
        (zipfian, 1_024, &zipf, [2.0, 0.46]),
        ("one key", 256, &hot, [4.2, f64::NAN]),
        ("one key", 1_024, &hot, [10.0, f64::NAN]),
        (zipfian, 16, &zipf, [1.3, f64::NAN]),
        (zipfian, 1, &zipf, [f64::NAN, 1.1]),
    ] {
        let what = format!("{what}, {callers} at a time");
        bench.row(
            Row::new(&what, MINIMAL_CALLS, callers).targets(targets),
            || {
                (
                    asking(limit("shared", plenty), names),
                    minimal.asking(names),
                )
            },
        );
    }
    for callers in [256, 16, 1] {
        let what = format!("{zipfian}, all in use, {callers} at a time");
        bench.row(Row::new(&what, MINIMAL_CALLS, callers), || {
            (
                asking(limit("lasting", lasting), &zipf),
                minimal.lasting(&zipf),
            )
        });
    }
    let what = "100,000 keys, over their limit, 256 at a time";
    bench.row(Row::new(what, MINIMAL_CALLS, 256), || {
        let denied = limit("denied", little).remember_denials(200_000);
        (asking(denied, &zipf), minimal.denying(&zipf))
    });
    let what = "one key, leased, 256 at a time";
    bench.row(Row::new(what, MINIMAL_CALLS, 256), || {
        let leased = limit("leased", plenty).lease(100_000_000);
        (asking(leased, &hot), minimal.asking(&hot))
    });
    for callers in [1, 64] {
        let what = |what| format!("{what} of work done once, {callers} at a time");
        let by_hand = "SET and GET by hand";
        bench.row(Row::new(&what("first request"), by_hand, callers), || {
            (
                once::first(&connection),
                once::first_by_hand(&minimal.connection),
            )
        });
        bench.row(Row::new(&what("replay"), by_hand, callers), || {
            (
                once::replay(&connection),
                once::replay_by_hand(&minimal.connection),
            )
        });
    }
    if env::args().skip(1).all(|word| word.starts_with('-')) {
        stopped(&runtime);
        memory(&runtime);
    }
}

/// Prints how long checks take while the server is stopped and its connections stay
/// open: before the breaker opens, and after.
fn stopped(runtime: &Runtime) {
    let server = Server::start();
    let connection = runtime.block_on(Connection::connect(server.url()));
    let connection = connection.expect("the server runs");
    let rule = TokenBucket::new(Quota::per_second(100));
    let limiter = Redis::new("stopped", rule, &connection, FailOpen);
    let check = || {
        let begun = Instant::now();
        let Ok(decision) = runtime.block_on(limiter.check("key", 1));
        assert!(decision.is_admitted());
        begun.elapsed()
    };
    check();
    server.stop();
    let closed: Vec<_> = (0..3).map(|_| check()).collect();
    let open: Vec<_> = (0..1_001).map(|_| check()).collect();
    server.go_on();
    println!("\n| server stopped, timeout of 100 ms | median | slowest |");
    println!("|---|---|---|");
    for (what, mut times) in [("breaker closed", closed), ("breaker open", open)] {
        times.sort_unstable();
        println!(
            "| {what} | {:?} | {:?} |",
            times[times.len() / 2],
            times[times.len() - 1]
        );
    }
}

/// Prints the memory of a bucket in the server, including its name and expiry.
fn memory(runtime: &Runtime) {
    async fn bytes<R: Scripted>(
        rule: R,
        server: &mut redis::Connection,
        connection: &Connection,
    ) -> u64 {
        let kind = rule.kind();
        let limiter = Redis::new("memory", rule, connection, FailClosed);
        for _ in 0..10 {
            limiter
                .check("user-0123456789abcdef", 1)
                .await
                .expect("the server runs");
        }
        let name = format!("sluicegate:{{memory:user-0123456789abcdef}}:{kind}");
        let usage = redis::cmd("MEMORY").arg("USAGE").arg(name).query(server);
        limiter
            .reset("user-0123456789abcdef")
            .await
            .expect("the server runs");
        usage.expect("the bucket exists")
    }
    let server = Server::start();
    let connection = runtime.block_on(Connection::connect(server.url()));
    let connection = connection.expect("the server runs");
    let mut client = server.client();
    println!("\n| rule | bytes of a bucket, with a name of 44 bytes |");
    println!("|---|---|");
    let quota = Quota::per_hour(1_000);
    runtime.block_on(async {
        let (server, connection) = (&mut client, &connection);
        let bucket = bytes(TokenBucket::new(quota), server, connection).await;
        println!("| token bucket | {bucket} |");
        let queue = bytes(LeakyBucket::new(quota), server, connection).await;
        println!("| leaky bucket | {queue} |");
        let fixed = bytes(FixedWindow::new(quota), server, connection).await;
        println!("| fixed window | {fixed} |");
        let window = bytes(SlidingWindow::new(quota), server, connection).await;
        println!("| sliding window | {window} |");
        let log = bytes(SlidingLog::new(quota), server, connection).await;
        println!("| sliding log, of 10 entries | {log} |");
    });
}

/// Checks one key after the other.
fn asking(builder: RedisBuilder<TokenBucket>, names: &Names) -> Side {
    let limiter = builder.build(FailClosed);
    let names = names.clone();
    Side::new(move |step| {
        let check = limiter.check(names.name(step), 1);
        Box::pin(async move {
            check.await.expect("the server replies");
        })
    })
}

/// What most rows are compared with.
const MINIMAL_CALLS: &str = "a minimal script, one call each";

/// The smallest script that keeps a limit: the generic cell rate algorithm in whole
/// microseconds, without the numbers for the headers.
const MINIMAL: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
if arrival + interval - now > room then return 0 end
arrival = arrival + interval
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
return 1
";

/// One call of that script for each decision.
struct Minimal {
    connection: redis::aio::MultiplexedConnection,
    script: Arc<redis::Script>,
}

impl Minimal {
    async fn connect(server: &Server) -> Self {
        let client = redis::Client::open(server.url()).expect("the address is valid");
        let connection = client.get_multiplexed_async_connection().await;
        let mut connection = connection.expect("the server runs");
        let script = Arc::new(redis::Script::new(MINIMAL));
        script
            .load_async(&mut connection)
            .await
            .expect("the script is valid");
        Self { connection, script }
    }

    /// As with a million tokens a second, so that a bucket is whole again at once.
    fn asking(&self, names: &Names) -> Side {
        self.by("minimal", (1, 1_000_000_000), names)
    }

    /// As with a million tokens an hour.
    fn lasting(&self, names: &Names) -> Side {
        self.by("minimal-lasting", (3_600, 3_600_000_000), names)
    }

    /// As with one token an hour.
    fn denying(&self, names: &Names) -> Side {
        self.by("minimal-denying", (3_600_000_000, 3_600_000_000), names)
    }

    /// Checks one key after the other, by an interval and a room in microseconds.
    fn by(&self, limit: &'static str, (interval, room): (u64, u64), names: &Names) -> Side {
        let (connection, script) = (self.connection.clone(), self.script.clone());
        let names = names.clone();
        Side::new(move |step| {
            let mut connection = connection.clone();
            let mut call = redis::cmd("EVALSHA");
            let name = format!("{limit}:{{{}}}", names.name(step));
            call.arg(script.get_hash())
                .arg(1)
                .arg(name)
                .arg(interval)
                .arg(room);
            Box::pin(async move {
                let admitted: u64 = call
                    .query_async(&mut connection)
                    .await
                    .expect("the server replies");
                assert!(admitted <= 1);
            })
        })
    }
}

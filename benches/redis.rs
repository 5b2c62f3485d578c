//! What it is worth to share calls and to remember denials, as ratios to one
//! call of the script for each decision, over the same connection.
//!
//! `cargo bench --bench redis` starts a `redis-server` of its own, asks both
//! sides of every comparison in turn, and prints a Markdown table; words on the
//! command line choose rows. CPU is the time of the server's main thread, as
//! `INFO cpu` has it; commands are the calls of scripts that `INFO
//! commandstats` counted.

#[allow(dead_code, reason = "every bench has use for another part of it")]
mod workload;

#[path = "../tests/redis/server.rs"]
#[allow(dead_code, reason = "the tests have use for more of it")]
mod server;

use std::sync::Arc;

use sluicegate::{
    limit::{FailClosed, Quota, Redis, RedisBuilder, TokenBucket},
    redis::Connection,
};
use tokio::runtime::Runtime;

use server::Server;
use workload::{
    fleet::{Bench, Row, Side},
    keys::{Names, Order},
};

fn main() {
    let server = Server::start();
    let runtime = Runtime::new().expect("a runtime");
    let connection =
        Connection::builder(server.url().as_str()).timeout(std::time::Duration::from_secs(10));
    let connection = runtime
        .block_on(connection.connect())
        .expect("the server has just started");
    let minimal = runtime.block_on(Minimal::connect(&server));
    let bench = Bench::begin(&runtime, server.client());

    let zipf = Names::of(&Order::zipf(100_000));
    let hot = Names::of(&Order::uniform(1));
    let plenty = TokenBucket::new(Quota::per_second(1_000_000).burst(1_000_000_000));
    let little = TokenBucket::new(Quota::per_hour(1).burst(1));
    let limit = |name: &str, rule| Redis::builder(name, rule, &connection);
    let each = |builder: RedisBuilder<TokenBucket>| builder.coalesce(false).remember_denials(0);

    for (what, callers, names, targets) in [
        ("100,000 keys, zipf", 256, &zipf, [1.5, 0.55, 1.0, 1.0]),
        ("one key", 256, &hot, [5.0, 0.08, 1.0, 1.0]),
        ("100,000 keys, zipf", 16, &zipf, [f64::NAN; 4]),
        (
            "100,000 keys, zipf",
            1,
            &zipf,
            [f64::NAN, f64::NAN, 1.1, f64::NAN],
        ),
    ] {
        let what = format!("{what}, {callers} at a time");
        bench.row(
            Row::new(&what, "one call each", callers).targets(targets),
            || {
                (
                    asking(limit("shared", plenty), names),
                    asking(each(limit("each", plenty)), names),
                )
            },
        );
        bench.row(
            Row::new(&what, "a minimal script, one call each", callers),
            || {
                (
                    asking(limit("shared", plenty), names),
                    minimal.asking(names),
                )
            },
        );
    }
    let row = Row::new("one key, leased, 256 at a time", "one call each", 256);
    bench.row(row.targets([30.0, f64::NAN, f64::NAN, f64::NAN]), || {
        (
            asking(limit("leased", plenty).lease(100_000_000), &hot),
            asking(each(limit("leased-each", plenty)), &hot),
        )
    });
    let row = Row::new(
        "100,000 keys, over their limit, 256 at a time",
        "one call each",
        256,
    );
    bench.row(row, || {
        (
            asking(limit("denied", little).remember_denials(200_000), &zipf),
            asking(each(limit("denied-each", little)), &zipf),
        )
    });
}

/// Asks about a key after the other.
fn asking(builder: RedisBuilder<TokenBucket>, names: &Names) -> Side {
    let limiter = builder.build(FailClosed);
    let names = names.clone();
    Side::new(move |step| {
        let check = limiter.check(names.name(step), 1);
        Box::pin(async move {
            check.await.expect("the server answers");
        })
    })
}

/// The least that a script can do for a limit: the generic cell rate algorithm
/// in whole microseconds, without any of the numbers that clients want to hear.
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

/// That script by itself.
struct Minimal {
    connection: redis::aio::MultiplexedConnection,
    script: Arc<redis::Script>,
}

impl Minimal {
    async fn connect(server: &Server) -> Self {
        let client = redis::Client::open(server.url()).expect("a good address");
        let connection = client.get_multiplexed_async_connection().await;
        let mut connection = connection.expect("the server has just started");
        let script = Arc::new(redis::Script::new(MINIMAL));
        script
            .load_async(&mut connection)
            .await
            .expect("it is good");
        Self { connection, script }
    }

    fn asking(&self, names: &Names) -> Side {
        let (connection, script) = (self.connection.clone(), self.script.clone());
        let names = names.clone();
        Side::new(move |step| {
            let mut connection = connection.clone();
            let mut call = redis::cmd("EVALSHA");
            let name = format!("minimal:{{{}}}", names.name(step));
            call.arg(script.get_hash())
                .arg(1)
                .arg(name)
                .arg(1)
                .arg(1_000_000_000_u64);
            Box::pin(async move {
                let admitted: u64 = call.query_async(&mut connection).await.expect("it answers");
                assert!(admitted <= 1);
            })
        })
    }
}

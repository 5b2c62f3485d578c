use std::{future::ready, time::Duration};

use http::Method;
use sluicegate::red::{Redis, Registry};

use super::{
    instance::{FIVE_MINUTES, Instance, connect},
    sums,
};
use crate::{connection::builder, server::Server};

/// How often a command ran and for how many microseconds, and how many bytes came,
/// since the last time.
struct Cost {
    calls: u64,
    micros: u64,
    bytes: u64,
}

fn cost(client: &mut redis::Connection, command: &str) -> Cost {
    let mut info =
        |section: &str| -> String { redis::cmd("INFO").arg(section).query(client).unwrap() };
    let (commands, stats) = (info("commandstats"), info("stats"));
    let after = |text: &str, word: &str| -> u64 {
        let rest = text.split_once(word).map_or("0", |(_, rest)| rest);
        let digits = rest.split(|it: char| !it.is_ascii_digit()).next();
        digits.unwrap().parse().unwrap_or_default()
    };
    let line = commands.split_once(&format!("cmdstat_{command}:"));
    let line = line.map_or("", |(_, line)| line.lines().next().unwrap());
    let cost = Cost {
        calls: after(line, "calls="),
        micros: after(line, "usec="),
        bytes: after(&stats, "total_net_input_bytes:"),
    };
    redis::cmd("CONFIG").arg("RESETSTAT").exec(client).unwrap();
    cost
}

/// `cargo test -p tests --test redis red::cost -- --nocapture` prints what it costs.
#[tokio::test]
async fn a_flush_is_one_call_for_2000_series() {
    let server = Server::start();
    let mut instance = Instance::new(1, &patient(&server).await);
    // The script is known from here on.
    instance.redis.flush().await.unwrap();
    let mut client = server.client();
    cost(&mut client, "evalsha");
    // One in each bucket of each, as if it took so long.
    let bounds = [
        5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000, 20_000,
    ];
    let routes: Vec<&'static str> = (0..2_000)
        .map(|nth| &*format!("/routes/{nth}/{{id}}").leak())
        .collect();
    for (what, changed) in [
        ("one bucket", 1),
        ("all buckets", 15),
        ("all buckets, again", 15),
    ] {
        for route in &routes {
            for millis in &bounds[..changed] {
                instance
                    .answer_with(route, 200, Duration::from_millis(*millis))
                    .await;
            }
        }
        instance.redis.flush().await.unwrap();
        let Cost {
            calls,
            micros,
            bytes,
        } = cost(&mut client, "evalsha");
        assert_eq!(calls, 1);
        println!("2,000 series, {what} changed: {micros} us in the server, {bytes} bytes");
    }
    instance.redis.flush().await.unwrap();
    let Cost {
        calls,
        micros,
        bytes,
    } = cost(&mut client, "evalsha");
    assert_eq!(calls, 1);
    assert!(bytes < 1_000);
    println!("2,000 series, nothing changed: {micros} us in the server, {bytes} bytes");
    let windows: Vec<String> = redis::cmd("KEYS")
        .arg("*:red:10m:*")
        .query(&mut client)
        .unwrap();
    let mut usage = redis::cmd("MEMORY");
    usage.arg("USAGE").arg(&windows[0]).arg("SAMPLES").arg(0);
    println!(
        "a window: {} bytes",
        usage.query::<u64>(&mut client).unwrap()
    );
    let fleet = instance.redis.read(FIVE_MINUTES * 12).await.unwrap();
    let Cost { calls, micros, .. } = cost(&mut client, "hgetall");
    println!("reading it: {calls} windows, {micros} us in the server");
    assert_eq!(fleet.snapshot.series.len(), 2_000);
    assert_eq!(
        sums::of([&fleet.snapshot]),
        sums::of([&instance.registry.snapshot()])
    );
}

async fn patient(server: &Server) -> sluicegate::redis::Connection {
    builder(server.url()).connect().await.unwrap()
}

#[tokio::test]
async fn zeros_are_not_shipped() {
    let server = Server::start();
    let registry = Registry::new();
    let redis = Redis::new("orders", &registry, &connect(server.url()).await);
    redis.flush().await.unwrap();
    let mut client = server.client();
    cost(&mut client, "evalsha");
    registry.preregister(&Method::GET, "/orders", [http::StatusCode::OK]);
    redis.flush().await.unwrap();
    let Cost { calls, bytes, .. } = cost(&mut client, "evalsha");
    assert!(calls == 1 && bytes < 1_000, "{bytes} bytes");
    assert!(ready(redis.stats().unshipped == 0).await);
}

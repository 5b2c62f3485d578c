//! The example `orders`, as a process that the tests send requests to over TCP.
//!
//! Its limits have a period of an hour, so that no quota comes back while a test
//! runs, however slow the machine is.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use http::{HeaderName, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};
use sfv::{Item, Parser};

#[path = "redis/server.rs"]
#[allow(dead_code, reason = "the tests of the limiter use more of it")]
mod redis_server;

#[cfg(unix)]
#[path = "orders/chaos.rs"]
mod chaos;

const ORDER: &str = r#"{"item":"book","quantity":2}"#;

/// A test that waits this long for something fails.
const MAX_WAIT: Duration = Duration::from_secs(60);

#[test]
fn orders_pass_until_the_burst_is_spent_and_then_are_refused() {
    let server = Server::start(&["--limit", "2/1h burst 3"]);
    for id in 1..=3 {
        let placed = server.ask(order());
        assert_eq!(placed.status(), StatusCode::CREATED);
        assert_eq!(placed.headers()["location"], format!("/orders/{id}"));
        let expected = json!({"id": id, "item": "book", "quantity": 2});
        assert_eq!(json_of(&placed), expected);
        assert_eq!(parameter(&placed, "ratelimit", "r"), Some(3 - id));
    }

    let refused = server.ask(order());
    let problem = problem_of(&refused, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(problem["title"], "Quota Exceeded");
    assert_eq!(problem["violated-policies"], json!(["orders"]));
    // At two an hour, one comes back after half an hour, and all three after 1.5 hours.
    let retry_after = refused.headers()["retry-after"].to_str();
    let retry_after: i64 = retry_after.unwrap().parse().unwrap();
    assert!((1..=1_800).contains(&retry_after));
    assert_eq!(parameter(&refused, "ratelimit", "r"), Some(0));
    assert_eq!(parameter(&refused, "ratelimit", "t"), Some(retry_after));
    assert_eq!(parameter(&refused, "ratelimit-policy", "q"), Some(3));
    assert_eq!(parameter(&refused, "ratelimit-policy", "w"), Some(5_400));
}

#[test]
fn all_routes_but_the_health_check_share_the_limit() {
    let server = Server::start(&["--limit", "2/1h"]);
    assert_eq!(server.ask(order()).status(), StatusCode::CREATED);
    let found = server.ask(get("/orders/1"));
    assert_eq!(found.status(), StatusCode::OK);
    assert_eq!(json_of(&found)["item"], "book");
    for path in ["/orders/1", "/slow?ms=0", "/fail?status=503", "/nowhere"] {
        let refused = server.ask(get(path));
        problem_of(&refused, StatusCode::TOO_MANY_REQUESTS);
    }
    for _ in 0..5 {
        let healthy = server.ask(get("/healthz"));
        assert_eq!(healthy.status(), StatusCode::OK);
        assert!(!healthy.headers().contains_key("ratelimit"));
    }
}

#[test]
fn bad_orders_are_answered_with_a_problem() {
    let server = Server::start(&["--limit", "10/1s burst 1000"]);
    let too_large = format!(r#"{{"item":"{}","quantity":1}}"#, "a".repeat(4_096));
    let bodies = [
        (400, ""),
        (400, r#"{"item":"#),
        (400, "\u{0}"),
        (413, &too_large),
        (422, "null"),
        (422, "{}"),
        (422, r#"{"item":"book"}"#),
        (422, r#"{"item":7,"quantity":1}"#),
        (422, r#"{"item":"","quantity":1}"#),
        (422, r#"{"item":" ","quantity":1}"#),
        (422, r#"{"item":"book","quantity":0}"#),
        (422, r#"{"item":"book","quantity":-1}"#),
        (422, r#"{"item":"book","quantity":1.5}"#),
        (422, r#"{"item":"book","quantity":4294967296}"#),
        (422, r#"{"item":"book","quantity":1,"price":1}"#),
    ];
    for (status, body) in bodies {
        let answer = server.ask(order().map(|_| body.to_owned()));
        problem_of(&answer, StatusCode::from_u16(status).unwrap());
    }

    let mut untyped = order();
    untyped.headers_mut().remove(CONTENT_TYPE);
    problem_of(&server.ask(untyped), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[test]
fn bad_paths_queries_and_methods_are_answered_with_a_problem() {
    let server = Server::start(&["--limit", "10/1s burst 1000"]);
    let requests = [
        (400, Method::GET, "/slow"),
        (400, Method::GET, "/slow?ms=-1"),
        (400, Method::GET, "/slow?ms=60001"),
        (400, Method::GET, "/fail"),
        (400, Method::GET, "/fail?status=200"),
        (400, Method::GET, "/fail?status=399"),
        (400, Method::GET, "/fail?status=600"),
        (400, Method::GET, "/fail?status=70000"),
        (400, Method::GET, "/fail?status=400"),
        (503, Method::GET, "/fail?status=503"),
        (599, Method::GET, "/fail?status=599"),
        (404, Method::GET, "/"),
        (404, Method::GET, "/orders/0"),
        (404, Method::GET, "/orders/1"),
        (404, Method::GET, "/orders/18446744073709551616"),
        (404, Method::GET, "/orders/first"),
        (404, Method::GET, "/orders/%ff"),
        (405, Method::GET, "/orders"),
        (405, Method::DELETE, "/orders/1"),
        (405, Method::POST, "/healthz"),
    ];
    for (status, method, path) in requests {
        let answer = server.ask(request(method, path));
        problem_of(&answer, StatusCode::from_u16(status).unwrap());
    }
    let wrong = server.ask(get("/orders"));
    assert_eq!(wrong.headers()["allow"], "POST");
}

#[test]
fn every_algorithm_admits_and_then_refuses() {
    let algorithms = [
        "token-bucket",
        "leaky-bucket-meter",
        "sliding-window",
        "sliding-log",
        "fixed-window",
    ];
    for algorithm in algorithms {
        let quota = ["--limit", "2/1h"];
        let server = Server::start(&[&["--algorithm", algorithm], &quota[..]].concat());
        let statuses = [order(), order(), order()].map(|order| server.ask(order).status());
        let expected = [201, 201, 429].map(|status| StatusCode::from_u16(status).unwrap());
        assert_eq!(statuses, expected, "{algorithm}");
    }
}

#[test]
fn a_leaky_bucket_refuses_what_exceeds_its_queue() {
    let quota = ["--limit", "1/1h"];
    let patient = ["--deadline-default", "2h"];
    let flags = [&["--algorithm", "leaky-bucket"], &quota[..], &patient];
    let server = Server::start(&flags.concat());
    assert_eq!(server.ask(order()).status(), StatusCode::CREATED);

    // One of the two waits for an hour, so the first response is that of the other.
    let (answers, answer) = mpsc::channel();
    for answers in [answers.clone(), answers] {
        let address = server.address;
        thread::spawn(move || _ = answers.send(exchange(address, &order())));
    }
    let refused = answer.recv().unwrap().unwrap();
    problem_of(&refused, StatusCode::TOO_MANY_REQUESTS);
}

#[test]
fn in_shadow_mode_all_requests_pass_without_headers() {
    let server = Server::start(&["--shadow", "--limit", "1/1h"]);
    for _ in 0..5 {
        let placed = server.ask(order());
        assert_eq!(placed.status(), StatusCode::CREATED);
        assert!(!placed.headers().contains_key("ratelimit"));
    }
}

#[test]
fn a_made_up_header_does_not_escape_the_limit() {
    let server = Server::start(&["--limit", "1/1h"]);
    assert_eq!(server.status_for("198.51.100.1"), StatusCode::CREATED);
    for forwarded in [
        "198.51.100.2",
        "",
        "127.0.0.1",
        "unknown",
        "::1, 198.51.100.3",
    ] {
        let status = server.status_for(forwarded);
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{forwarded}");
    }
}

#[test]
fn clients_of_a_trusted_proxy_have_a_budget_each() {
    let trusted = ["--trust-proxy", "10.0.0.0/8", "--trust-proxy", "127.0.0.1"];
    let quota = ["--limit", "1/1h"];
    let server = Server::start(&[&trusted[..], &quota].concat());
    for client in ["198.51.100.1", "198.51.100.2, 10.1.2.3"] {
        assert_eq!(server.status_for(client), StatusCode::CREATED, "{client}");
        let spoofed = format!("203.0.113.9, {client}");
        for forwarded in [client, &spoofed] {
            let status = server.status_for(forwarded);
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{forwarded}");
        }
    }
}

#[test]
fn an_error_names_the_invalid_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let flags: [&[&str]; 37] = [
        &["--listen", &taken],
        &["--listen", "nowhere"],
        &["--listen", "127.0.0.1:65536"],
        &["--algorithm", "guess"],
        &["--limit", "0/s"],
        &["--limit", "-1/s"],
        &["--limit", "18446744073709551616/s"],
        &["--limit", "65537/s", "--algorithm", "sliding-log"],
        &["--limit", "67108864/s", "--algorithm", "sliding-window"],
        &["--limit", "10"],
        &["--limit", "10/0s"],
        &["--limit", "10/1ns"],
        &["--limit", "10/73000d"],
        &["--limit", "10/soon"],
        &["--limit", "10/s burst 0"],
        &["--limit", "10/s burst 4503599627370497"],
        &["--trust-proxy", "10.0.0.0/33"],
        &["--trust-proxy", "proxy.example"],
        &["--trust-proxy", ""],
        &["--store", "disk"],
        &["--store", "durable:"],
        &["--store", "redis"],
        &["--lease", "9ms"],
        &["--lease", "25h"],
        &["--lease", "soon"],
        &["--takeover", "guess"],
        &["--journal", "/nowhere/orders.log"],
        &["--first-id", "0"],
        &["--first-id", "4503599627370497"],
        &["--redis", ""],
        &["--redis", "nowhere"],
        &["--redis", "http://127.0.0.1"],
        &["--redis", "redis://127.0.0.1/first"],
        &["--on-redis-failure", "guess"],
        &["--deadline-default", "0s"],
        &["--deadline-default", "soon"],
        &["--drain", "0s"],
    ];
    for flags in flags {
        let (status, message) = refusal_of(flags);
        assert_eq!(status.code(), Some(2), "{flags:?}: {message}");
        assert!(message.starts_with("error: "), "{flags:?}: {message}");
        assert!(message.contains(flags[0]), "{flags:?}: {message}");
        assert!(!message.contains("panicked"), "{flags:?}: {message}");
    }
}

#[test]
fn a_slow_request_gets_a_504_in_time() {
    let server = Server::start(&["--deadline-default", "50ms"]);
    let late = server.ask(get("/slow?ms=60000"));
    problem_of(&late, StatusCode::GATEWAY_TIMEOUT);
    let mut asks = get("/slow?ms=60000");
    let header = asks.headers_mut();
    header.insert("x-request-timeout", "20ms".parse().unwrap());
    problem_of(&server.ask(asks), StatusCode::GATEWAY_TIMEOUT);
    // A header can shorten the time limit, and not extend it.
    let mut asks = get("/slow?ms=60000");
    let header = asks.headers_mut();
    header.insert("x-request-timeout", "1h".parse().unwrap());
    problem_of(&server.ask(asks), StatusCode::GATEWAY_TIMEOUT);
}

#[test]
fn a_deadline_shrinks_from_hop_to_hop() {
    let server = Server::start(&["--deadline-default", "20s"]);
    let answer = server.ask(get("/chain?hops=4&ms=20"));
    assert_eq!(answer.status(), StatusCode::OK);
    let hops = json_of(&answer)["hops"].clone();
    let left = |hop: &Value| hop["remaining_ms"].as_u64().expect("a number");
    let hops: Vec<u64> = hops.as_array().unwrap().iter().map(left).collect();
    assert_eq!(hops.len(), 4);
    assert!(hops[0] <= 20_000, "{hops:?}");
    // Each hop works for 20 ms, and keeps 100 ms for the way back.
    assert!(
        hops.windows(2).all(|hop| hop[1] + 120 <= hop[0]),
        "{hops:?}"
    );
    // Long enough that the last hop times out well before the others.
    let mut late = get("/chain?hops=3&ms=1000");
    let header = late.headers_mut();
    header.insert("x-request-timeout", "2500ms".parse().unwrap());
    problem_of(&server.ask(late), StatusCode::GATEWAY_TIMEOUT);
    let many = server.ask(get("/chain?hops=21&ms=1"));
    problem_of(&many, StatusCode::BAD_REQUEST);
}

#[test]
fn an_error_says_which_values_are_allowed() {
    for (flag, value, allowed) in [
        (
            "--limit",
            "0/s",
            "invalid quota amount 0: must be 1 to 2^51",
        ),
        (
            "--limit",
            "10/s burst 0",
            "invalid quota burst 0: must be 1 to 2^51",
        ),
        (
            "--limit",
            "10/soon",
            "invalid quota period \"soon\": must be a whole number",
        ),
        (
            "--trust-proxy",
            "here",
            "must be a network such as 10.0.0.0/8",
        ),
        ("--listen", "here", "must be a free address and port"),
        ("--redis", "here", "must be an address such as redis://"),
    ] {
        let (_, message) = refusal_of(&[flag, value]);
        assert!(message.contains(allowed), "{message}");
    }
}

#[test]
fn instances_on_one_redis_share_one_limit() {
    for algorithm in ["token-bucket", "sliding-log"] {
        let redis = redis_server::Server::start();
        let quota = ["--limit", "7/1h"];
        let shared = ["--redis", &redis.url(), "--algorithm", algorithm];
        let flags = [&shared[..], &quota].concat();
        let instances = [Server::start(&flags), Server::start(&flags)];
        assert_ne!(instances[0].address, instances[1].address);
        for left in (0..7).rev() {
            let placed = instances[left % 2].ask(order());
            assert_eq!(placed.status(), StatusCode::CREATED, "{algorithm}");
            assert_eq!(parameter(&placed, "ratelimit", "r"), Some(left as i64));
        }
        for instance in instances.iter().cycle().take(6) {
            problem_of(&instance.ask(order()), StatusCode::TOO_MANY_REQUESTS);
        }
    }
}

/// Returns an instance that has used one of two requests, and whose Redis is killed.
fn without_redis(on_failure: &str) -> (Server, redis_server::Server) {
    let mut redis = redis_server::Server::start();
    let quota = ["--limit", "2/1h"];
    let shared = ["--redis", &redis.url(), "--on-redis-failure", on_failure];
    let server = Server::start(&[&shared[..], &quota].concat());
    assert_eq!(server.ask(order()).status(), StatusCode::CREATED);
    redis.kill();
    (server, redis)
}

/// Restarts Redis, which is empty then, and waits until the instance limits again.
fn limits_again(server: &Server, mut redis: redis_server::Server) {
    redis.restart();
    let limit = Instant::now() + MAX_WAIT;
    let mut client = redis.client();
    let mut buckets = || {
        let names = redis::cmd("KEYS")
            .arg("sluicegate:{orders:*")
            .query(&mut client);
        names.map(|names: Vec<String>| names.len())
    };
    while buckets() != Ok(1) {
        assert!(Instant::now() < limit, "the instance does not call Redis");
        server.ask(order());
    }
    while server.ask(order()).status() != StatusCode::TOO_MANY_REQUESTS {
        assert!(Instant::now() < limit, "the instance refuses no order");
    }
    let refused = server.ask(order());
    problem_of(&refused, StatusCode::TOO_MANY_REQUESTS);
}

#[test]
fn without_redis_orders_pass_if_so_configured() {
    let (server, redis) = without_redis("open");
    for _ in 0..10 {
        assert_eq!(server.ask(order()).status(), StatusCode::CREATED);
    }
    limits_again(&server, redis);
}

#[test]
fn without_redis_orders_are_refused_if_so_configured() {
    let (server, redis) = without_redis("closed");
    for _ in 0..10 {
        problem_of(&server.ask(order()), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(server.ask(get("/healthz")).status(), StatusCode::OK);
    }
    limits_again(&server, redis);
}

#[test]
fn without_redis_each_instance_limits_alone() {
    let (server, redis) = without_redis("local");
    for _ in 0..2 {
        assert_eq!(server.ask(order()).status(), StatusCode::CREATED);
    }
    for _ in 0..5 {
        problem_of(&server.ask(order()), StatusCode::TOO_MANY_REQUESTS);
    }
    limits_again(&server, redis);
}

#[test]
fn an_instance_starts_without_redis() {
    let mut redis = redis_server::Server::start();
    redis.kill();
    let quota = ["--limit", "2/1h"];
    let closed = ["--redis", &redis.url(), "--on-redis-failure", "closed"];
    let server = Server::start(&[&closed[..], &quota].concat());
    problem_of(&server.ask(order()), StatusCode::SERVICE_UNAVAILABLE);
    limits_again(&server, redis);
}

#[test]
fn passwords_of_redis_are_never_printed() {
    let redis = redis_server::Server::with(&["--requirepass", "open-sesame"]);
    let at = |login: &str, path: &str| format!("redis://{login}@127.0.0.1:{}/{path}", redis.port());
    for address in [
        at("default:hunter2", ""),
        at("ali:hunter2", ""),
        at(":hunter2", "first"),
        at("default:open-sesame", "99"),
        "ali:hunter2@127.0.0.1".to_owned(),
        "unix:///nowhere?pass=hunter2&db=first".to_owned(),
    ] {
        let (status, message) = refusal_of(&["--redis", &address]);
        assert_eq!(status.code(), Some(2), "{message}");
        assert!(message.contains("'--redis'"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
        assert!(!message.contains("open-sesame"), "{message}");
    }

    // Nor is a valid password, even if the server is away.
    let right = Server::start(&["--redis", &at("default:open-sesame", "3")]);
    assert_eq!(right.ask(order()).status(), StatusCode::CREATED);
    let address = at("default:open-sesame", "3");
    drop(redis);
    assert_eq!(right.ask(order()).status(), StatusCode::CREATED);
    let late = Server::start(&["--redis", &address]);
    assert_eq!(late.ask(order()).status(), StatusCode::CREATED);
    for server in [right, late] {
        let log = server.log();
        assert!(log.contains("the policy decides"), "{log}");
        assert!(!log.contains("open-sesame"), "{log}");
    }
}

#[test]
fn metrics_are_scraped_without_being_limited_or_counted() {
    let server = Server::start(&["--limit", "2/1h"]);
    for _ in 0..3 {
        server.ask(order());
    }
    for _ in 0..2 {
        let told = server.ask(get("/metrics"));
        assert_eq!(told.status(), StatusCode::OK, "scrapes are not limited");
        let labels = r#"http_request_method="POST",http_route="/orders",url_scheme="http""#;
        let counted = "http_server_request_duration_seconds_count";
        for sample in [
            format!(r#"{counted}{{{labels},http_response_status_code="201",outcome="ok"}} 2"#),
            format!(
                r#"{counted}{{{labels},http_response_status_code="429",error_type="over_limit",outcome="shed"}} 1"#
            ),
            r#"sluicegate_limit_decisions_total{limiter="orders",verdict="refused"} 1"#.into(),
            r#"sluicegate_slo_events_total{slo="availability",good="true"} 2"#.into(),
        ] {
            let mut lines = told.body().lines();
            assert!(lines.any(|line| line == sample), "{sample}: {told:?}");
        }
        assert!(!told.body().contains(r#"http_route="/metrics""#));
    }
    assert_eq!(
        server.ask(get("/fleet")).status(),
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[cfg(unix)]
#[test]
fn the_counts_of_a_stopped_instance_stay_in_the_fleet() {
    let redis = redis_server::Server::start();
    let [mut gone, left] = [(); 2].map(|()| Server::start(&["--redis", &redis.url()]));
    for _ in 0..3 {
        assert_eq!(gone.ask(order()).status(), StatusCode::CREATED);
    }
    assert_eq!(gone.stop("-TERM"), Some(0));
    let fleet = json_of(&left.ask(get("/fleet?span=10m")));
    let routes = fleet["routes"].as_array().expect("routes");
    let orders = routes.iter().find(|it| it["route"] == "/orders");
    assert_eq!(orders.expect("orders")["ended"], 3, "{fleet}");
    assert_eq!(fleet["error_ratio"], 0.0);
    let no_time = left.ask(get("/fleet?span=soon"));
    problem_of(&no_time, StatusCode::BAD_REQUEST);
    let too_long = left.ask(get("/fleet?span=30days"));
    problem_of(&too_long, StatusCode::BAD_REQUEST);
}

/// A slow order with an idempotency key.
fn keyed(key: &str) -> Request<String> {
    let mut order = order();
    *order.uri_mut() = "/orders?slow=1".parse().expect("a path");
    let value = key.parse().expect("a header value");
    order.headers_mut().insert("idempotency-key", value);
    order
}

/// Sends a request until its response is not "still running".
fn placed(server: &Server, request: &Request<String>) -> Response<String> {
    let limit = Instant::now() + MAX_WAIT;
    loop {
        let answer = server.ask(request.clone());
        if answer.status() != StatusCode::CONFLICT {
            return answer;
        }
        problem_of(&answer, StatusCode::CONFLICT);
        assert_eq!(answer.headers()["retry-after"], "1");
        assert!(Instant::now() < limit, "the order still runs");
    }
}

/// Flags of a limit that no test reaches.
const NO_LIMIT: [&str; 2] = ["--limit", "10/1s burst 100000"];

#[test]
fn an_order_with_a_key_is_placed_once_even_if_its_client_hangs_up() {
    let server = Server::start(&NO_LIMIT);
    // This client sends the order and hangs up.
    let mut gone = TcpStream::connect(server.address).expect("it listens");
    gone.write_all(&written(&keyed("17"))).expect("it reads");
    drop(gone);
    let first = placed(&server, &keyed("17"));
    assert_eq!(json_of(&first)["id"], 1);
    let again = server.ask(keyed("\"17\""));
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(again.headers()["location"], "/orders/1");
    assert_eq!(again.body(), first.body());

    let other = keyed("17").map(|_| ORDER.replace("book", "pen"));
    problem_of(&server.ask(other), StatusCode::UNPROCESSABLE_ENTITY);
    problem_of(&server.ask(keyed("a, b")), StatusCode::BAD_REQUEST);
    let mut bobs = keyed("17");
    bobs.headers_mut()
        .insert("x-api-key", "bob".parse().expect("a header value"));
    assert_eq!(
        json_of(&server.ask(bobs))["id"],
        2,
        "another client, another key"
    );
    let found = server.ask(get("/orders/3"));
    problem_of(&found, StatusCode::NOT_FOUND);
}

#[cfg(unix)]
#[test]
fn a_response_on_disk_outlives_the_process() {
    let folder = format!(
        "{}/orders-{}",
        env!("CARGO_TARGET_TMPDIR"),
        std::process::id()
    );
    let store = format!("durable:{folder}");
    let flags = [&NO_LIMIT[..], &["--store", &store]].concat();
    let mut server = Server::start(&flags);
    let first = server.ask(keyed("17"));
    assert_eq!(first.status(), StatusCode::CREATED);
    assert_eq!(server.stop("-KILL"), None);
    let server = Server::start(&flags);
    let again = server.ask(keyed("17"));
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(again.body(), first.body());
    drop(server);
    std::fs::remove_dir_all(folder).expect("the folder exists");
}

#[test]
fn instances_on_one_redis_place_an_order_once() {
    let redis = redis_server::Server::start();
    let url = redis.url();
    let flags = [&NO_LIMIT[..], &["--redis", &url, "--store", "redis"]].concat();
    let [one, other] = [(); 2].map(|()| Server::start(&flags));
    let answers: Vec<_> = thread::scope(|scope| {
        let place = |server| scope.spawn(move || placed(server, &keyed("17")));
        let asked: Vec<_> = [&one, &other, &one, &other].map(place).into();
        asked
            .into_iter()
            .map(|it| it.join().expect("placed"))
            .collect()
    });
    for answer in &answers {
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(answer.body(), answers[0].body());
    }
    let replayed = answers
        .iter()
        .filter(|it| it.headers().contains_key("idempotency-replayed"));
    assert_eq!(replayed.count(), 3);
    let told = one.ask(get("/metrics"));
    assert!(
        told.body()
            .contains(r#"sluicegate_idempotency_events_total{event="began"}"#)
    );
}

#[cfg(unix)]
#[test]
fn a_signal_stops_the_server_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(&[]);
        let idle = TcpStream::connect(server.address).unwrap();
        assert_eq!(server.ask(order()).status(), StatusCode::CREATED);
        assert_eq!(server.stop(signal), Some(0), "{signal}");
        drop(idle);
    }
}

#[cfg(unix)]
#[test]
fn a_signal_lets_a_request_finish_and_a_second_one_ends_it() {
    for (millis, is_aborted) in [(300, false), (60_000, true)] {
        let server = Server::start(&["--deadline-default", "1h"]);
        let (address, id) = (server.address, server.child.id().to_string());
        let signal = |id: &str| {
            let sent = Command::new("kill").args(["-TERM", id]).status();
            assert!(sent.expect("`kill` is on the PATH").success());
        };
        let slow = get(&format!("/slow?ms={millis}"));
        let answer = thread::spawn(move || exchange(address, &slow));
        // The request is counted before the scrape that shows it.
        let running = r#"http_server_active_requests{http_request_method="GET",http_route="/slow",url_scheme="http"} 1"#;
        while !server.ask(get("/metrics")).body().contains(running) {
            thread::yield_now();
        }
        signal(&id);
        if is_aborted {
            signal(&id);
        }
        let answer = answer.join().expect("asked").expect("answered");
        let status = if is_aborted { 503 } else { 200 };
        assert_eq!(answer.status().as_u16(), status, "{answer:?}");
        assert_eq!(answer.headers()["connection"], "close");
        let mut server = server;
        assert_eq!(server.child.wait().expect("it is a child").code(), Some(0));
    }
}

/// A process of the example. It is killed when this is dropped.
struct Server {
    child: Child,
    address: SocketAddr,
    /// Kept open, because the server writes to it.
    _output: BufReader<ChildStdout>,
}

impl Server {
    fn start(flags: &[&str]) -> Self {
        let mut child = spawn(&[&["--listen", "127.0.0.1:0"], flags].concat());
        let (output, line) = first_line(&mut child);
        let address = line
            .split_once("http://")
            .and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{flags:?}: no address in {line:?}"));
        Self {
            child,
            address,
            _output: output,
        }
    }

    fn ask(&self, request: Request<String>) -> Response<String> {
        exchange(self.address, &request).expect("the server answers")
    }

    /// Sends a signal, and returns the exit code of the process.
    #[cfg(unix)]
    fn stop(&mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("`kill` is on the PATH").success());
        self.child.wait().expect("it is a child").code()
    }

    /// Kills the process, and returns its log.
    fn log(mut self) -> String {
        _ = self.child.kill();
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().expect("stderr is piped");
        stderr.read_to_string(&mut log).expect("UTF-8 on stderr");
        log
    }

    fn status_for(&self, forwarded_for: &str) -> StatusCode {
        let mut request = order();
        let value = forwarded_for.parse().expect("a header value");
        request.headers_mut().insert("x-forwarded-for", value);
        self.ask(request).status()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn spawn(flags: &[&str]) -> Child {
    let tests = env::current_exe().expect("a test knows where it is");
    let built = tests.parent().and_then(|deps| deps.parent());
    let name = format!("orders{}", env::consts::EXE_SUFFIX);
    let example = built
        .expect("tests are in target/debug/deps")
        .join("examples")
        .join(name);
    let child = Command::new(&example)
        .args(flags)
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    child.unwrap_or_else(|error| {
        let example = example.display();
        panic!("{example}: {error}; run `cargo build --example orders` first")
    })
}

/// Returns the first line of stdout; empty if the process has ended without one.
fn first_line(child: &mut Child) -> (BufReader<ChildStdout>, String) {
    let output = child.stdout.take().expect("stdout is piped");
    let (mut output, mut line) = (BufReader::new(output), String::new());
    output.read_line(&mut line).expect("UTF-8 on stdout");
    (output, line)
}

/// Returns how the example ends with these flags, and its message.
fn refusal_of(flags: &[&str]) -> (ExitStatus, String) {
    let any_port: &[_] = match flags.contains(&"--listen") {
        true => &[],
        false => &["--listen", "127.0.0.1:0"],
    };
    let mut child = spawn(&[any_port, flags].concat());
    let (_, line) = first_line(&mut child);
    if !line.is_empty() {
        _ = child.kill();
    }
    assert_eq!(line, "", "{flags:?} should have been refused");
    let ended = child.wait_with_output().expect("stderr is read");
    let message = String::from_utf8(ended.stderr).expect("UTF-8 on stderr");
    (ended.status, message)
}

fn request(method: Method, path: &str) -> Request<String> {
    let request = Request::builder().method(method).uri(path);
    request.body(String::new()).expect("a path is a URI")
}

fn get(path: &str) -> Request<String> {
    request(Method::GET, path)
}

fn order() -> Request<String> {
    let mut order = request(Method::POST, "/orders").map(|_| ORDER.to_owned());
    let json = "application/json".parse().expect("a header value");
    order.headers_mut().insert(CONTENT_TYPE, json);
    order
}

/// Sends one request over a new connection, in HTTP/1.1.
fn exchange(address: SocketAddr, request: &Request<String>) -> io::Result<Response<String>> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(MAX_WAIT))?;
    connection.write_all(&written(request))?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(read(&answer).unwrap_or_else(|| panic!("not HTTP: {answer:?}")))
}

fn written(request: &Request<String>) -> Vec<u8> {
    let (method, path, body) = (request.method(), request.uri(), request.body());
    let length = body.len();
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nhost: orders\r\nconnection: close\r\ncontent-length: {length}\r\n"
    )
    .into_bytes();
    for (name, value) in request.headers() {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend([b"\r\n", body.as_bytes()].concat());
    text
}

fn read(answer: &str) -> Option<Response<String>> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?;
    let mut response = Response::new(body.to_owned());
    *response.status_mut() = status.parse().ok()?;
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        let name: HeaderName = name.parse().ok()?;
        response.headers_mut().append(name, value.parse().ok()?);
    }
    Some(response)
}

fn json_of(response: &Response<String>) -> Value {
    let body = response.body();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body:?}"))
}

fn problem_of(response: &Response<String>, status: StatusCode) -> Value {
    assert_eq!(response.status(), status, "{response:?}");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let problem = json_of(response);
    assert_eq!(problem["status"], status.as_u16());
    assert!(problem["type"].is_string() && problem["title"].is_string());
    assert!(problem["detail"].is_string());
    problem
}

/// Returns a parameter of a structured field that holds one item, the name `orders`.
fn parameter(response: &Response<String>, field: &str, parameter: &str) -> Option<i64> {
    let value = response.headers().get(field)?;
    let item: Item = Parser::new(value).parse().expect("a structured field");
    assert_eq!(
        item.bare_item.as_string().map(|name| name.as_str()),
        Some("orders")
    );
    let value = item.params.get(parameter)?.as_integer();
    value.map(i64::from)
}

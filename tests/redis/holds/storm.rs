//! Four processes hold and settle, while they and the server are killed again
//! and again: what was charged is settled, given back, lapsed or still open, to
//! the last unit.
//!
//! `SLUICEGATE_STORM=long` plays 100,000 requests in each process.

use std::{
    env,
    io::{BufRead, BufReader},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use sluicegate::{
    limit::{FailClosed, Quota, Redis, SlidingWindow, TokenBucket},
    redis::Connection,
};

use super::Ledger;
use crate::{connection::until, process::Process, scratch::Scratch, server::Server};

/// Tells a process that it takes part: the server's address, and the number of
/// its requests.
const MEMBER: &str = "SLUICEGATE_HOLD_MEMBER";

const MEMBERS: usize = 4;

/// Few enough that most holds are among the 64 of a key.
const TASKS: u64 = 8;

const KEYS: u64 = 4;

/// Each task says so after so many requests.
const LINE: u64 = 16;

/// Longer than any run takes to say something.
const HANGS: Duration = Duration::from_secs(60);

/// Long enough for most settlements, and short enough for a test to await.
const TERM: Duration = Duration::from_secs(2);

/// Never empty, so that every request is held.
fn bucket(connection: &Connection) -> Redis<TokenBucket, FailClosed> {
    let rule = TokenBucket::new(Quota::per_second(1_000_000));
    let builder = Redis::builder("bucket", rule, connection);
    builder.hold_term(TERM).build(FailClosed)
}

/// Orphans of these are given back.
fn window(connection: &Connection) -> Redis<SlidingWindow, FailClosed> {
    let rule = SlidingWindow::new(Quota::per_minute(60_000_000));
    let builder = Redis::builder("window", rule, connection);
    builder
        .hold_term(TERM)
        .give_back_orphans()
        .build(FailClosed)
}

/// Returns at once, unless it was started as a process of the storm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn member() {
    let Ok(orders) = env::var(MEMBER) else {
        return;
    };
    let (url, requests) = orders.split_once(' ').unwrap();
    let requests: u64 = requests.parse().unwrap();
    // The server may be down just now.
    let connection = loop {
        let connection = Connection::builder(url).breaker(3, Duration::from_millis(20));
        match connection.connect().await {
            Ok(connection) => break connection,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(take_part(connection.clone(), task, requests / TASKS)))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    println!("\nstorm over");
}

async fn take_part(connection: Connection, task: u64, requests: u64) {
    let (bucket, window) = (bucket(&connection), window(&connection));
    for request in 0..requests {
        let n = task * requests + request;
        let key = n % KEYS;
        // The server is down now and then.
        let hold = loop {
            let held = match n % 2 {
                0 => bucket.hold(&key, n % 7).await,
                _ => window.hold(&key, n % 7).await,
            };
            match held {
                Ok(hold) => break hold,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        match n % 5 {
            0 => hold.give_back(),
            1 => hold.keep(),
            2 => drop(hold.or_give_back()),
            _ => hold.settle(n % 11),
        }
        if request % LINE == 0 {
            println!("\nstorm {request}");
        }
    }
}

/// Starts a member, which says how far it is.
fn start(place: usize, server: &Server, requests: u64, say: &Sender<(usize, bool)>) -> Process {
    let orders = format!("{} {requests}", server.url());
    let mut process = Process::start("holds::storm::member", MEMBER, &orders);
    let output = BufReader::new(process.output());
    let say = say.clone();
    thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        let said = lines.filter(|line| line.starts_with("storm"));
        said.for_each(|line| _ = say.send((place, line.ends_with("over"))));
    });
    process
}

/// Lets all members finish. Meanwhile, one of them or the server is killed and
/// replaced again and again.
fn rage(server: &mut Server, requests: u64, kills: usize) {
    let (say, said): (_, Receiver<(usize, bool)>) = channel();
    let start = |place, server: &Server| start(place, server, requests, &say);
    let mut members: Vec<_> = (0..MEMBERS).map(|place| start(place, server)).collect();
    let mut over = [false; MEMBERS];
    let (mut lines, mut killed) = (0, 0);
    // All kills are over when half of the lines are said.
    let pause = MEMBERS * (requests / LINE) as usize / (2 * kills);
    while !over.iter().all(|over| *over) {
        let (place, is_over) = said.recv_timeout(HANGS).expect("no member hangs");
        over[place] |= is_over;
        lines += 1;
        if lines % pause == 0 && killed < kills {
            killed += 1;
            match killed % 3 {
                0 => server.restart(),
                _ if over[place] => {}
                _ => members[place] = start(place, server),
            }
        }
    }
    assert_eq!(killed, kills, "the storm was too short");
}

#[test]
fn crashes_leave_nothing_unaccounted() {
    let is_long = env::var("SLUICEGATE_STORM").is_ok_and(|it| it == "long");
    let (requests, kills) = if is_long { (100_000, 60) } else { (3_000, 6) };
    let scratch = Scratch::new();
    let settings = [
        "--dir",
        scratch.path(),
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ];
    let mut server = Server::with(&settings);
    rage(&mut server, requests, kills);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let connection = super::connect(&server).await;
        let (bucket, window) = (bucket(&connection), window(&connection));
        let mut charged = 0;
        for key in 0..KEYS {
            // Orphans lapse by the next hold after their term.
            until("all holds have ended", async || {
                bucket.hold(&key, 0).await.unwrap().keep();
                window.hold(&key, 0).await.unwrap().keep();
                let of = ["bucket", "window"].map(|limiter| Ledger::of(&server, limiter, key));
                of.iter()
                    .all(|ledger| ledger.open.iter().all(|cost| *cost == 0))
            })
            .await;
            for limiter in ["bucket", "window"] {
                let ledger = Ledger::of(&server, limiter, key);
                assert_eq!(ledger.unaccounted(), 0, "{limiter} {key} {:?}", ledger.sums);
                charged += ledger.sum("charged");
            }
        }
        assert!(charged > 0);
        println!("{charged} charged, none unaccounted for");
    });
}

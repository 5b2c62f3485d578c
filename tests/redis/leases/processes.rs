//! Real processes that lease one hot key from each other.

use std::{env, time::Duration};

use sluicegate::{
    clock::Tick,
    limit::{FailClosed, FixedWindow, Quota, Redis, Scripted, TokenBucket},
    redis::Connection,
};
use tokio::time::Instant;

use crate::{process::Process, server::Server};

/// Tells a process that it is a member: the server's address, and the rule.
const MEMBER: &str = "SLUICEGATE_LEASE_MEMBER";

const PROCESSES: usize = 4;

const TASKS: usize = 256;

/// How long each asks.
const RUN: Duration = Duration::from_secs(2);

const RATE: u64 = 10_000;

const BURST: u64 = 10_000;

const WINDOW: u64 = 30_000;

fn bucket() -> TokenBucket {
    TokenBucket::new(Quota::per_second(RATE).burst(BURST))
}

fn window() -> FixedWindow {
    FixedWindow::new(Quota::per_day(WINDOW))
}

/// The admissions of a member, and the instants of the server around them.
struct Told {
    admitted: u64,
    leased: u64,
    begun: Tick,
    ended: Tick,
}

impl Told {
    fn of(member: Process) -> Self {
        let [admitted, leased, begun, ended] = member.told();
        Self {
            admitted,
            leased,
            begun,
            ended,
        }
    }
}

fn start(url: &str, rule: &str) -> Process {
    let orders = format!("{url} {rule}");
    Process::start("leases::processes::member", MEMBER, &orders)
}

/// Returns at once, unless it was started as a process of the fleet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn member() {
    let Ok(orders) = env::var(MEMBER) else {
        return;
    };
    let (url, rule) = orders.split_once(' ').unwrap();
    match rule {
        "bucket" => take_part(url, bucket()).await,
        _ => take_part(url, window()).await,
    }
}

async fn take_part<R: Scripted>(url: &str, rule: R) {
    let connection = Connection::builder(url).timeout(Duration::from_secs(20));
    let connection = connection.connect().await.unwrap();
    let limiter = Redis::builder("hot", rule, &connection);
    let limiter = limiter.lease(2_000).build(FailClosed);
    let until = Instant::now() + RUN;
    let begun = server_time(url);
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let limiter = limiter.clone();
            tokio::spawn(async move {
                let mut admitted = 0_u64;
                while Instant::now() < until {
                    let decision = limiter.check("key", 1).await.unwrap();
                    admitted += u64::from(decision.is_admitted());
                    tokio::task::yield_now().await;
                }
                admitted
            })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += task.await.unwrap();
    }
    let (leased, ended) = (limiter.counts().leased, server_time(url));
    println!("\ntold {admitted} {leased} {begun} {ended}");
}

fn server_time(url: &str) -> Tick {
    let client = redis::Client::open(url).unwrap();
    let mut client = client.get_connection().unwrap();
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query(&mut client).unwrap();
    seconds * 1_000_000 + micros
}

fn run(rule: &str) -> Vec<Told> {
    let server = Server::start();
    let fleet: Vec<_> = (0..PROCESSES).map(|_| start(&server.url(), rule)).collect();
    fleet.into_iter().map(Told::of).collect()
}

#[test]
fn processes_that_lease_never_pass_more_than_the_bucket_gives() {
    let told = run("bucket");
    let begun = told.iter().map(|member| member.begun).min().unwrap();
    let ended = told.iter().map(|member| member.ended).max().unwrap();
    let gives = BURST + RATE * (ended - begun) / 1_000_000;
    let admitted: u64 = told.iter().map(|member| member.admitted).sum();
    assert!(admitted <= gives, "{admitted} of {gives}");
    // They start and end at different times, so part of the time not all of them
    // make checks.
    assert!(admitted >= gives / 2, "{admitted} of {gives}");
    assert!(told.iter().all(|member| member.leased > 0));
}

#[test]
fn processes_that_lease_use_a_window_up_to_the_last() {
    let told = run("window");
    let admitted: u64 = told.iter().map(|member| member.admitted).sum();
    assert_eq!(admitted, WINDOW);
    assert!(told.iter().all(|member| member.leased > 0));
}

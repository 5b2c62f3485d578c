//! Real processes that share a limit, are killed, and are stopped for longer
//! than their leases.

use std::{env, sync::LazyLock, time::Duration};

use redis::Commands;
use sluicegate::{
    concurrency::{Ask, Redis},
    redis::{Connection, Script},
};
use tokio::time::{Instant, sleep};

use super::ledger::{ledger, most_beyond, most_out};
use crate::{process::Process, server::Server};

/// Tells a process that it is a member: the server's address, its number, and
/// for how many milliseconds it asks.
const MEMBER: &str = "SLUICEGATE_PERMITS_MEMBER";

const KEY: &str = "sluicegate:{db}:permits";

const LIMIT: u32 = 12;

const TASKS: usize = 16;

const LEASE: Duration = Duration::from_millis(1_500);

/// Counts the requests of a member that are served, and returns how many all
/// members serve. It knows nothing of permits.
const COUNT: &str = "
    redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    local sum = 0
    for _, count in ipairs(redis.call('HVALS', KEYS[1])) do sum = sum + count end
    if sum > tonumber(redis.call('GET', KEYS[2]) or 0) then redis.call('SET', KEYS[2], sum) end
    return { sum }";

static SERVED: LazyLock<Script> = LazyLock::new(|| Script::new(COUNT));

/// What a member says of itself in the end.
#[derive(Debug)]
struct Told {
    admitted: u64,
    refused: u64,
    outlived: u64,
    calls: u64,
}

impl Told {
    fn of(member: Process) -> Self {
        let [admitted, refused, outlived, calls] = member.told();
        Self {
            admitted,
            refused,
            outlived,
            calls,
        }
    }
}

fn start(server: &Server, number: usize, run: Duration) -> Process {
    let orders = format!("{} {number} {}", server.url(), run.as_millis());
    Process::start("permits::processes::member", MEMBER, &orders)
}

/// Ends a member in the midst of its requests, which are served no more.
fn kill(member: Process, server: &Server, number: usize) {
    member.kill();
    let _: () = server.client().hdel("served", number).unwrap();
}

/// Returns at once, unless it was started as a process of the fleet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn member() {
    let Ok(orders) = env::var(MEMBER) else {
        return;
    };
    let orders: Vec<_> = orders.split(' ').collect();
    let run = Duration::from_millis(orders[2].parse().unwrap());
    take_part(orders[0], orders[1], run).await;
}

async fn take_part(url: &str, number: &str, run: Duration) {
    let connection = Connection::builder(url).timeout(Duration::from_secs(20));
    let connection = connection.connect().await.unwrap();
    let permits = Redis::builder("db", LIMIT, &connection).lease(LEASE);
    let permits = permits.instance(number).build();
    let until = Instant::now() + run;
    let tasks = (0..TASKS).map(|_| {
        let (permits, connection) = (permits.clone(), connection.clone());
        tokio::spawn(ask(permits, connection, number.to_owned(), until))
    });
    let (mut admitted, mut refused) = (0, 0);
    for task in tasks.collect::<Vec<_>>() {
        let asked = task.await.unwrap();
        (admitted, refused) = (admitted + asked.0, refused + asked.1);
    }
    let counts = permits.counts();
    println!(
        "\ntold {admitted} {refused} {} {}",
        counts.outlived, counts.calls
    );
}

/// Returns how many requests were admitted and refused.
async fn ask(permits: Redis, connection: Connection, number: String, until: Instant) -> (u64, u64) {
    let (mut admitted, mut refused) = (0, 0);
    while Instant::now() < until {
        let Ok(permit) = permits.acquire(Ask::new()).await else {
            refused += 1;
            sleep(Duration::from_millis(1)).await;
            continue;
        };
        admitted += 1;
        served(&connection, &number, 1).await;
        sleep(Duration::from_millis(2)).await;
        served(&connection, &number, -1).await;
        drop(permit);
    }
    (admitted, refused)
}

async fn served(connection: &Connection, number: &str, change: i64) {
    let mut call = SERVED.call(2);
    call.arg("served")
        .arg("most served")
        .arg(number)
        .arg(change);
    connection.run(&SERVED, call).await.unwrap();
}

/// Returns the most requests that were served at one instant.
fn most_served(server: &Server) -> u64 {
    server.client().get("most served").unwrap()
}

/// Waits until all permits are leased to so many instances.
fn until_all_are_out(server: &Server) {
    let limit = std::time::Instant::now() + Duration::from_secs(20);
    while most_out(&ledger(server, KEY)) < LIMIT.into() {
        assert!(std::time::Instant::now() < limit, "never all out");
        std::thread::yield_now();
    }
}

#[test]
fn processes_that_are_killed_never_have_more_permits_out_than_the_limit() {
    let server = Server::start();
    let run = Duration::from_secs(4);
    let mut fleet: Vec<_> = (0..4).map(|it| start(&server, it, run)).collect();
    until_all_are_out(&server);
    for (number, killed) in fleet.drain(..2).enumerate() {
        kill(killed, &server, number);
    }
    fleet.extend((4..6).map(|it| start(&server, it, run)));
    let told: Vec<_> = fleet.into_iter().map(Told::of).collect();
    let lines = ledger(&server, KEY);
    assert_eq!(most_beyond(&lines), 0);
    assert_eq!(most_out(&lines), u64::from(LIMIT));
    assert!(told.iter().all(|told| told.admitted > 0), "{told:?}");
    // A process that stood still may have served requests beyond their lease.
    let outlived: u64 = told.iter().map(|told| told.outlived).sum();
    let most = most_served(&server);
    assert!(
        most <= u64::from(LIMIT) + outlived,
        "{most} at once, {told:?}"
    );
    let asked: u64 = told.iter().map(|told| told.admitted + told.refused).sum();
    let calls: u64 = told.iter().map(|told| told.calls).sum();
    println!("{calls} calls for {asked} requests");
    assert!(calls * 5 < asked, "{calls} calls for {asked} requests");
}

#[test]
fn a_process_that_stood_still_admits_nothing_by_its_old_lease() {
    let server = Server::start();
    let run = Duration::from_secs(5);
    let fleet: Vec<_> = (0..2).map(|it| start(&server, it, run)).collect();
    until_all_are_out(&server);
    fleet[0].signal("-STOP");
    std::thread::sleep(2 * LEASE);
    fleet[0].signal("-CONT");
    let told: Vec<_> = fleet.into_iter().map(Told::of).collect();
    assert_eq!(most_beyond(&ledger(&server, KEY)), 0);
    // The requests that it served when it was stopped have outlived their lease.
    // At most a limit of them, and they are not counted if they end before it
    // looks at its lease. Nothing else is served beyond the limit.
    let most = most_served(&server);
    assert!(most <= 2 * u64::from(LIMIT), "{most}, {told:?}");
    assert!(told.iter().all(|told| told.admitted > 0), "{told:?}");
}

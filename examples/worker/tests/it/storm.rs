//! `kill -9` at random moments: no event is lost, and none is completed twice.
//!
//! The short form has 2,000 orders and 4 kills. `SLUICEGATE_WORKER_STORM=long` has
//! 100,000 orders and 20 kills, and `SLUICEGATE_WORKER_POSTGRES=1` runs the same on
//! PostgreSQL, too:
//!
//! ```text
//! SLUICEGATE_WORKER_STORM=long cargo test --release -p worker --test it storm -- --nocapture
//! ```

use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{sync::watch, task::JoinSet, time};

use crate::support::{Books, Client, Folder, Postgres, Redis, Worker, provider_calls};

/// How many clients send at once.
const CLIENTS: usize = 64;

/// How large a storm is.
#[derive(Clone, Copy, Debug)]
struct Size {
    orders: usize,
    kills: usize,
}

impl Size {
    fn chosen() -> Self {
        match env::var("SLUICEGATE_WORKER_STORM").as_deref() {
            Ok("long") => Self {
                orders: 100_000,
                kills: 20,
            },
            _ => Self {
                orders: 2_000,
                kills: 4,
            },
        }
    }
}

/// Where the worker is, and how to start it again.
struct Storm<'a> {
    folder: Folder,
    database: String,
    flags: &'a [&'a str],
    moved: watch::Sender<SocketAddr>,
}

impl Storm<'_> {
    fn start(&self) -> Worker {
        let worker = Worker::start_on(&self.database, &self.folder, self.flags);
        self.moved.send_replace(worker.address);
        worker
    }
}

/// Sends orders until all are accepted. Some are cancelled, some fail at first, and
/// some for good.
fn send(client: &Client, orders: usize, accepted: &Arc<AtomicUsize>) -> JoinSet<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, next, accepted) = (client.clone(), Arc::clone(&next), Arc::clone(accepted));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, SeqCst);
                if number >= orders {
                    break;
                }
                order(&client, number).await;
                accepted.fetch_add(1, SeqCst);
            }
        });
    }
    tasks
}

async fn order(client: &Client, number: usize) {
    let item = match number % 50 {
        0 => "poison",
        1 | 2 => "flaky",
        _ => "book",
    };
    let body = format!(r#"{{"item":"{item}","cents":{number},"within_ms":600000}}"#);
    let answer = client.insist("/orders", &number.to_string(), &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    if number % 20 == 7 {
        let path = format!("/orders/{}/cancel", answer.json()["order"]);
        let answer = client.insist(&path, &format!("cancel-{number}"), "").await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }
}

/// Kills the worker after a random number of further orders, and a random moment.
async fn kill(storm: &Storm<'_>, size: Size, accepted: &AtomicUsize) -> Worker {
    let mut worker = storm.start();
    let step = size.orders / (size.kills + 1);
    for kill in 0..size.kills {
        let at = kill * step + fastrand::usize(..step);
        while accepted.load(SeqCst) < at {
            time::sleep(Duration::from_millis(1)).await;
        }
        time::sleep(Duration::from_micros(fastrand::u64(..30_000))).await;
        worker.kill();
        worker = storm.start();
    }
    worker
}

/// Plays a storm, and asserts its law from the rows. Returns its books.
async fn play(database: Option<String>, size: Size, flags: &[&str]) -> (Folder, Books) {
    let folder = Folder::new();
    let database = database.unwrap_or_else(|| folder.sqlite());
    let (moved, address) = watch::channel(SocketAddr::from(([127, 0, 0, 1], 1)));
    let storm = Storm {
        folder,
        database,
        flags,
        moved,
    };
    let (client, accepted) = (Client::following(address), Arc::default());
    let senders = send(&client, size.orders, &accepted).join_all();
    // Both at once, so that a sender that fails ends the test.
    let (worker, _) = tokio::join!(kill(&storm, size, &accepted), senders);
    client.settled().await;
    let books = Books::open(&storm.database).await;
    books.assert_sound().await;
    let orders = books.count("SELECT COUNT(*) FROM orders").await;
    assert_eq!(orders, i64::try_from(size.orders).unwrap());
    put_back(&client).await;
    books.assert_sound().await;
    worker.terminate();
    assert!(worker.ended().await.success());
    (storm.folder, books)
}

/// Dead letters with an unknown outcome are listed, and complete if they are put back,
/// page by page. Those of orders that were cancelled are refused, and stay.
async fn put_back(client: &Client) {
    let page = "reason=outcome-unknown&limit=1000";
    let mut done = 0;
    let refused = loop {
        let listed = client.get(&format!("/dead-letters?{page}")).await;
        let letters = listed.unwrap().json().as_array().unwrap().len() as u64;
        let retry = format!("/dead-letters/retry?{page}");
        let moved = client.post(&retry, None, "").await.json();
        let count = |name: &str| moved[name].as_u64().unwrap();
        assert_eq!(count("put_back") + count("refused"), letters);
        client.settled().await;
        done += count("put_back");
        if count("put_back") == 0 {
            break letters;
        }
    };
    println!("{done} events with an unknown outcome were put back, {refused} were cancelled");
}

const FLAGS: &[&str] = &[
    "--lease",
    "2s",
    "--charge-time",
    "2ms",
    "--backoff",
    "10ms",
    "--pools",
    "2",
    "64",
    "1",
];

/// Without the mark the provider cannot have been called twice in one round.
fn assert_charged_once(folder: &Folder) {
    let calls = provider_calls(folder);
    let twice: Vec<_> = calls.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storm_loses_nothing_and_completes_nothing_twice() {
    let (folder, books) = play(None, Size::chosen(), FLAGS).await;
    assert_charged_once(&folder);
    let charged = "SELECT COUNT(*) FROM entries WHERE cents > 0";
    let charged = books.count(charged).await;
    let calls = provider_calls(&folder);
    let charges = calls
        .keys()
        .filter(|call| call.starts_with("charge"))
        .count();
    assert!(i64::try_from(charges).unwrap() >= charged);
    println!("{charged} charges booked, {charges} made");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storm_books_nothing_twice_even_if_all_marks_are_forgotten() {
    let flags = &[FLAGS, &["--marks", "memory"]].concat();
    let orders = Size::chosen().orders / 10;
    let size = Size { orders, kills: 4 };
    play(None, size, flags).await;
}

/// Redis also keeps the deadlines, which therefore survive the worker.
#[tokio::test(flavor = "multi_thread")]
async fn the_storm_with_marks_in_redis_charges_nothing_twice() {
    let redis = Redis::start();
    let url = redis.url();
    let flags = [FLAGS, &["--marks", "redis", "--redis", &url]].concat();
    let orders = Size::chosen().orders / 2;
    let size = Size { orders, kills: 4 };
    let (folder, _books) = play(None, size, &flags).await;
    assert_charged_once(&folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storm_on_postgresql_is_the_same() {
    if env::var_os("SLUICEGATE_WORKER_POSTGRES").is_none() {
        println!("skipped: set SLUICEGATE_WORKER_POSTGRES=1 to run it");
        return;
    }
    let server = Postgres::start();
    let (folder, _books) = play(Some(server.url()), Size::chosen(), FLAGS).await;
    assert_charged_once(&folder);
}

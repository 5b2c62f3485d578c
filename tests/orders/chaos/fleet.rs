//! The instances, and the Redis and the journal that they share.

use std::{
    array, fs, io,
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use serde_json::Value;

use super::{MAX_WAIT, Server, exchange, get, redis_server, scratch::Scratch};

pub(super) const INSTANCES: usize = 4;

/// Much longer than Redis is away and than an order takes, because an instance tries
/// to save a response for no longer than that.
const LEASE: &str = "5s";

/// The addresses of the instances. They change when an instance is replaced.
pub(super) type Directory = Arc<Mutex<[SocketAddr; INSTANCES]>>;

/// All processes. They are killed when this is dropped.
pub(super) struct Fleet {
    members: [Member; INSTANCES],
    directory: Directory,
    launch: Launch,
    redis: redis_server::Server,
    _scratch: Scratch,
}

/// How an instance is started.
struct Launch {
    takeover: String,
    redis: String,
    journal: String,
    started: u64,
}

/// An instance, and the range of ids that it gives to orders.
struct Member {
    server: Server,
    ids: Range<u64>,
}

/// The number of ids for each instance, more than it places orders.
const IDS_EACH: u64 = 1_000;

impl Launch {
    fn next(&mut self) -> Member {
        self.started += 1;
        // So an order that two instances placed has two ids.
        let ids = self.started * IDS_EACH..(self.started + 1) * IDS_EACH;
        let first_id = ids.start.to_string();
        let limit = ["--limit", "10/1s burst 100000", "--first-id", &first_id];
        let shared = ["--redis", &self.redis, "--journal", &self.journal];
        let takeover = ["--takeover", &self.takeover];
        let once = ["--store", "redis", "--lease", LEASE];
        let mut server = Server::start(&[&limit[..], &shared, &takeover, &once].concat());
        // A full pipe would stop the server; the thread ends with it.
        let mut log = server.child.stderr.take().expect("stderr is piped");
        thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        Member { server, ids }
    }
}

impl Fleet {
    pub(super) fn start(takeover: &str) -> Self {
        let scratch = Scratch::new();
        let kept = ["--appendonly", "yes", "--appendfsync", "always"];
        let redis = redis_server::Server::with(&[&kept[..], &["--dir", scratch.path()]].concat());
        let mut launch = Launch {
            takeover: takeover.to_owned(),
            redis: redis.url(),
            journal: scratch.file("journal", ""),
            started: 0,
        };
        let members = array::from_fn(|_| launch.next());
        let addresses = members.each_ref().map(|it| it.server.address);
        Self {
            members,
            directory: Arc::new(Mutex::new(addresses)),
            launch,
            redis,
            _scratch: scratch,
        }
    }

    pub(super) fn directory(&self) -> Directory {
        self.directory.clone()
    }

    pub(super) fn addresses(&self) -> [SocketAddr; INSTANCES] {
        *self
            .directory
            .lock()
            .expect("no code panics while it holds the lock")
    }

    /// Kills the instance that has placed this order and has not yet responded, and
    /// starts another one.
    pub(super) fn kill(&mut self, placed: u64) {
        let is_there = |it: &Member| it.ids.contains(&placed);
        let index = self.members.iter().position(is_there);
        let index = index.expect("a running instance has placed the order");
        self.has_saved_all();
        let killed = self.members[index].server.child.kill();
        killed.expect("the process runs");
        self.members[index] = self.launch.next();
        let mut directory = self
            .directory
            .lock()
            .expect("no code panics while it holds the lock");
        directory[index] = self.members[index].server.address;
    }

    /// Returns the id of the next order that is placed after the first `known` ones.
    pub(super) fn next_placed(&self, known: usize) -> u64 {
        let limit = Instant::now() + MAX_WAIT;
        loop {
            if let Some((_, id)) = self.journal().get(known) {
                return *id;
            }
            assert!(Instant::now() < limit, "no order is placed");
            thread::yield_now();
        }
    }

    /// Kills Redis, and starts it again with the data of its file.
    pub(super) fn kill_redis(&mut self) {
        self.redis.restart();
    }

    /// Waits until the instances have written to Redis what they could not write while
    /// it was away. The response to an order that only its instance knows dies with
    /// that instance: this is the one case in which a response may be lost.
    pub(super) fn has_saved_all(&self) {
        let limit = Instant::now() + MAX_WAIT;
        while let Some(counts) = self.addresses().into_iter().find_map(unsaved) {
            assert!(
                Instant::now() < limit,
                "a response is never saved: {counts}"
            );
            thread::yield_now();
        }
    }

    /// Returns the item and the id of each placed order, the oldest first.
    pub(super) fn journal(&self) -> Vec<(usize, u64)> {
        let journal = fs::read_to_string(&self.launch.journal).expect("a journal");
        journal.lines().map(entry).collect()
    }
}

fn entry(line: &str) -> (usize, u64) {
    let order: Value = serde_json::from_str(line).expect("a line is an order");
    let item = order["item"].as_str().and_then(|item| item.parse().ok());
    let id = order["id"].as_u64();
    (item.expect("a number"), id.expect("an id"))
}

/// Returns the counts of an instance that still has to save a response.
fn unsaved(instance: SocketAddr) -> Option<String> {
    const OPEN: &str = "sluicegate_redis_breaker_open{";
    const EVENTS: &str = "sluicegate_idempotency_events_total";
    let metrics = exchange(instance, &get("/metrics")).expect("it is up");
    let events = metrics.body().lines().filter(|it| it.starts_with(EVENTS));
    let events: Vec<_> = events.collect();
    let count = |event: &str| {
        let name = format!("{EVENTS}{{event=\"{event}\"}} ");
        let mut counts = events.iter().filter_map(|it| it.strip_prefix(&name));
        counts.next().expect("it is counted")
    };
    // While the breaker is open, the next response could not be saved.
    let mut lines = metrics.body().lines();
    let is_open = lines.any(|it| it.starts_with(OPEN) && it.ends_with(" 1"));
    // The counts appear with the first order.
    let all_saved = events.is_empty() || count("unsaved") == count("saved_late");
    (is_open || !all_saved).then(|| events.join("\n"))
}

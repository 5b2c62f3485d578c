//! The instances, and what they share.

use std::{
    array, fs, io,
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use serde_json::Value;

use super::{HANGS, Server, exchange, get, redis_server, scratch::Scratch};

pub(super) const INSTANCES: usize = 4;

/// Much longer than Redis is ever away, and than an order takes: an instance tries
/// for no longer to save what it has answered.
const LEASE: &str = "5s";

/// Where the instances are, for those who find that one is not there any more.
pub(super) type Directory = Arc<Mutex<[SocketAddr; INSTANCES]>>;

/// Killed when it is dropped.
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

/// An instance, and under which ids it places orders.
struct Member {
    server: Server,
    ids: Range<u64>,
}

/// More than an instance places.
const IDS: u64 = 1_000;

impl Launch {
    fn next(&mut self) -> Member {
        self.started += 1;
        // What is placed twice is placed under two ids.
        let ids = self.started * IDS..(self.started + 1) * IDS;
        let first_id = ids.start.to_string();
        let limit = ["--burst", "100000", "--first-id", &first_id];
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
        *self.directory.lock().expect("nobody panics with it")
    }

    /// Kills the one that has placed this order and has not answered it yet, in the
    /// middle of whatever else it does, and starts another one.
    pub(super) fn kill(&mut self, placed: u64) {
        let is_there = |it: &Member| it.ids.contains(&placed);
        let place = self.members.iter().position(is_there);
        let place = place.expect("only who lives places orders");
        self.has_saved_all();
        let killed = self.members[place].server.child.kill();
        killed.expect("it has not ended by itself");
        self.members[place] = self.launch.next();
        let mut directory = self.directory.lock().expect("nobody panics with it");
        directory[place] = self.members[place].server.address;
    }

    /// The id of the first order that is placed after so many.
    pub(super) fn next_placed(&self, known: usize) -> u64 {
        let limit = Instant::now() + HANGS;
        loop {
            if let Some((_, id)) = self.journal().get(known) {
                return *id;
            }
            assert!(Instant::now() < limit, "nothing is placed");
            thread::yield_now();
        }
    }

    /// Kills it, and starts it again with what is in its file.
    pub(super) fn kill_redis(&mut self) {
        self.redis.restart();
    }

    /// Waits until Redis has what it could not be told while it was away. An order
    /// that its instance has answered by then, and that nobody else knows of, goes
    /// with the instance: that is the one case in which its answer may be lost.
    pub(super) fn has_saved_all(&self) {
        let limit = Instant::now() + HANGS;
        while let Some(counts) = self.addresses().into_iter().find_map(unsaved) {
            assert!(Instant::now() < limit, "answers are never saved: {counts}");
            thread::yield_now();
        }
    }

    /// What was placed, and under which id, in the order of that.
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

/// The counts of an instance that has yet to save an answer.
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
    // While the breaker is open, whatever is answered next is not saved.
    let mut lines = metrics.body().lines();
    let is_open = lines.any(|it| it.starts_with(OPEN) && it.ends_with(" 1"));
    // There are none before it was asked to place an order.
    let all_saved = events.is_empty() || count("unsaved") == count("saved_late");
    (is_open || !all_saved).then(|| events.join("\n"))
}

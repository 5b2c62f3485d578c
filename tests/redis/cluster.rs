//! A real cluster of three primaries.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    scratch::Scratch,
    server::{Server, free_port},
};

/// The slots are split in three; the nodes are killed when it is dropped.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
    buses: Vec<u16>,
    scratches: Vec<Scratch>,
}

const FIRSTS: [u16; 4] = [0, 5_461, 10_923, 16_384];

impl Cluster {
    pub(crate) fn start() -> Self {
        let scratches: Vec<_> = (0..3).map(|_| Scratch::new()).collect();
        let (nodes, buses): (Vec<_>, Vec<_>) = scratches.iter().map(node).unzip();
        for (index, node) in nodes.iter().enumerate() {
            let mut client = node.client();
            order(&["ADDSLOTSRANGE"])
                .arg(FIRSTS[index])
                .arg(FIRSTS[index + 1] - 1)
                .exec(&mut client)
                .expect("free slots");
            order(&["MEET", "127.0.0.1"])
                .arg(nodes[0].port())
                .arg(buses[0])
                .exec(&mut client)
                .expect("a node to meet");
        }
        let cluster = Self {
            nodes,
            buses,
            scratches,
        };
        cluster.settle();
        cluster
    }

    /// The index of the node.
    pub(crate) fn add_replica_of(&mut self, primary: usize) -> usize {
        let scratch = Scratch::new();
        let (replica, _) = node(&scratch);
        let mut client = replica.client();
        order(&["MEET", "127.0.0.1"])
            .arg(self.nodes[primary].port())
            .arg(self.buses[primary])
            .exec(&mut client)
            .expect("a node to meet");
        let id = self.id(primary);
        let follow = || {
            order(&["REPLICATE", &id])
                .exec(&mut replica.client())
                .is_ok()
        };
        eventually("the replica knows its primary", follow);
        eventually("the replica has all", || {
            let info: String = redis::cmd("INFO")
                .query(&mut replica.client())
                .expect("it is up");
            info.contains("master_link_status:up")
        });
        self.nodes.push(replica);
        self.scratches.push(scratch);
        self.settle();
        self.nodes.len() - 1
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    pub(crate) fn id(&self, node: usize) -> String {
        let mut client = self.nodes[node].client();
        order(&["MYID"]).query(&mut client).expect("an id")
    }

    /// The node that had the slot when the cluster began.
    pub(crate) fn first_owner(slot: u16) -> usize {
        FIRSTS.iter().filter(|first| **first <= slot).count() - 1
    }

    pub(crate) fn slot(&self, key: &str) -> u16 {
        let mut client = self.nodes[0].client();
        order(&["KEYSLOT", key]).query(&mut client).expect("a slot")
    }

    /// Sets the state of a slot on a node.
    pub(crate) fn set_slot(&self, node: usize, slot: u16, words: &[&str]) {
        let mut client = self.nodes[node].client();
        let mut set = order(&["SETSLOT"]);
        set.arg(slot).arg(words);
        set.exec(&mut client).expect("a slot to set");
    }

    pub(crate) fn migrate(&self, from: usize, to: usize, key: &str) {
        let mut order = redis::cmd("MIGRATE");
        order.arg("127.0.0.1").arg(self.nodes[to].port());
        order.arg(key).arg(0).arg(5_000);
        let migrated = order.exec(&mut self.nodes[from].client());
        migrated.expect("both nodes are up");
    }

    /// Waits until all nodes know of all slots.
    fn settle(&self) {
        let knows_all = |node: &Server| {
            let info: String = order(&["INFO"])
                .query(&mut node.client())
                .expect("it is up");
            info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
        };
        eventually("the cluster forms", || self.nodes.iter().all(knows_all));
    }
}

/// Waits until the condition holds, or fails the test after a while.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < limit, "never: {what}");
        thread::yield_now();
    }
}

fn order(words: &[&str]) -> redis::Cmd {
    let mut order = redis::cmd("CLUSTER");
    order.arg(words);
    order
}

fn node(scratch: &Scratch) -> (Server, u16) {
    let bus = free_port();
    let node = Server::with(&[
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &bus.to_string(),
        "--cluster-node-timeout",
        "1000",
        "--cluster-require-full-coverage",
        "no",
        "--dir",
        scratch.path(),
    ]);
    (node, bus)
}

//! The nodes of a cluster, and which has which keys.
//!
//! Why not redis-rs's cluster client: it sends again what it does not know to
//! have failed, and while it rebuilds its topology all calls wait, for healthy
//! nodes too. Here, nodes know nothing of each other, and a call is sent again
//! only where the answer says that nothing ran.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
};

use futures_util::{FutureExt, future::select_ok};
use redis::{Arg, Cmd, ConnectionAddr, ConnectionInfo, cluster_routing::Slot};

use super::{
    attempt::Attempt,
    bound::Bound,
    breaker::{self, Breaker, Guarded},
    call::Call,
    error::Error,
    node::{Node, Place},
    redirection::Redirection,
    server::elsewhere,
    settings::Settings,
    subscription::Subscription,
    topology,
};

/// How many nodes are asked for the topology at once, beside the ones that
/// were configured.
const WITNESSES: usize = 3;

/// How many slots every cluster has.
const SLOTS: usize = 16_384;

pub(super) struct Cluster {
    me: Weak<Self>,
    first: ConnectionInfo,
    seeds: Vec<Arc<Node>>,
    map: RwLock<Map>,
    refreshing: Attempt,
    /// Opens while nobody tells the topology; each node has one of its own.
    breaker: Breaker,
    settings: Arc<Settings>,
}

#[derive(Default)]
struct Map {
    slots: HashMap<Slot, Arc<Node>>,
    nodes: HashMap<(String, u16), Arc<Node>>,
}

impl Cluster {
    pub(super) fn new(seeds: &[ConnectionInfo], settings: &Arc<Settings>) -> Arc<Self> {
        Arc::new_cyclic(|me| {
            let node = |info: &ConnectionInfo| {
                let place = Place::Fixed(Box::new(info.clone()));
                Arc::new(Node::new(place, me.clone(), Arc::clone(settings)))
            };
            Self {
                me: me.clone(),
                first: seeds[0].clone(),
                seeds: seeds.iter().map(node).collect(),
                map: RwLock::default(),
                refreshing: Attempt::new("cluster"),
                breaker: Breaker::default(),
                settings: Arc::clone(settings),
            }
        })
    }

    /// The node that has the call's keys.
    pub(super) async fn node_for(
        self: &Arc<Self>,
        call: &Cmd,
        bound: Bound,
    ) -> Result<Arc<Node>, Error> {
        let slot = slot_of(call);
        if let Some(node) = self.owner(slot) {
            return Ok(node);
        }
        breaker::admit(self, bound).await?;
        if let Some(node) = self.owner(slot) {
            return Ok(node);
        }
        let late = |_| bound.exceeded(self.name());
        let refreshed = bound.keep(self.refresh()).await.map_err(late);
        let refreshed = refreshed.and_then(|end| end);
        breaker::judge(self, refreshed.as_ref().err());
        refreshed?;
        let nobody = || Error::unreachable(self.name(), "no node has the slot of the key");
        self.owner(slot).ok_or_else(nobody)
    }

    /// Where the redirection from this node leads.
    pub(super) fn follow(self: &Arc<Self>, redirection: &Redirection, from: &Node) -> Arc<Node> {
        let host = match redirection.host.as_str() {
            "" => host(from),
            host => host,
        };
        let node = self.node_at(&mut self.write(), host, redirection.port);
        if !redirection.asking {
            if let Some(slot) = Slot::new(redirection.slot) {
                self.write().slots.insert(slot, Arc::clone(&node));
            }
            self.refresh_soon();
        }
        node
    }

    /// Whether there is nobody to ask: no topology, or no primary that answers.
    pub(super) fn is_shut(self: &Arc<Self>) -> bool {
        let map = self.read();
        if map.nodes.is_empty() {
            return breaker::is_shut(self);
        }
        // The first is enough while all is well.
        map.nodes.values().all(breaker::is_shut)
    }

    /// The same, of the breakers alone.
    pub(super) fn is_open(self: &Arc<Self>) -> bool {
        let map = self.read();
        match map.nodes.is_empty() {
            true => breaker::is_open(self),
            false => map.nodes.values().all(breaker::is_open),
        }
    }

    pub(super) fn primaries(&self) -> Vec<Arc<Node>> {
        self.read().nodes.values().cloned().collect()
    }

    /// A subscription at the first node that answers.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<Subscription, Error> {
        let witnesses = self.witnesses();
        let asked = witnesses.iter().map(|node| node.subscribe(channel).boxed());
        let (subscription, _) = select_ok(asked).await?;
        Ok(subscription)
    }

    /// A key that this node has; `None` if it has no slots.
    pub(super) fn key_at(&self, node: &Arc<Node>) -> Option<String> {
        let map = self.read();
        let prefix = &self.settings.prefix;
        let mut keys = (0..4_096).map(|n| format!("{prefix}:{{probe{n}}}"));
        keys.find(|key| {
            let owner = map.slots.get(&Slot::for_key(key));
            owner.is_some_and(|owner| Arc::ptr_eq(owner, node))
        })
    }

    /// Learns the topology; whoever needs it at the same time shares this.
    pub(super) async fn refresh(self: &Arc<Self>) -> Result<(), Error> {
        let cluster = Arc::clone(self);
        let learned = self.refreshing.join(async move { cluster.learn().await });
        learned.await
    }

    pub(super) fn refresh_soon(self: &Arc<Self>) {
        let cluster = Arc::clone(self);
        // The task goes on when nobody waits for it.
        drop(self.refreshing.join(async move { cluster.learn().await }));
    }

    async fn learn(self: Arc<Self>) -> Result<(), Error> {
        let witnesses = self.witnesses();
        let asked = witnesses.iter().map(|node| self.ask(node).boxed());
        let (ranges, _) = select_ok(asked).await?;
        self.install(&ranges);
        Ok(())
    }

    /// Some that are connected, and those that were configured.
    fn witnesses(&self) -> Vec<Arc<Node>> {
        let mut witnesses = self.primaries();
        witnesses.retain(|node| node.is_connected());
        witnesses.truncate(WITNESSES);
        witnesses.extend(self.seeds.iter().cloned());
        witnesses
    }

    async fn ask(&self, node: &Arc<Node>) -> Result<Vec<topology::Range>, Error> {
        let bound = Bound::of(self.settings.patience());
        let mut question = redis::cmd("CLUSTER");
        question.arg("SLOTS");
        let question = Call::of_command(question);
        let answer = node.send(&question, false, bound).await?;
        let ranges = topology::parse(&answer, host(node))?;
        match ranges.is_empty() {
            true => Err(Error::reply("a cluster without slots")),
            false => Ok(ranges),
        }
    }

    fn install(&self, ranges: &[topology::Range]) {
        let mut fresh = Map::default();
        fresh.slots.reserve(SLOTS);
        for range in ranges {
            // Calls go on while the new map is drawn.
            let node = self.node_at(&mut self.write(), &range.host, range.port);
            let slots = (range.first..=range.last).filter_map(Slot::new);
            let slots = slots.map(|slot| (slot, Arc::clone(&node)));
            fresh.slots.extend(slots);
            fresh.nodes.insert((range.host.clone(), range.port), node);
        }
        *self.write() = fresh;
    }

    fn node_at(&self, map: &mut Map, host: &str, port: u16) -> Arc<Node> {
        let place = (host.to_owned(), port);
        let node = map.nodes.entry(place).or_insert_with(|| {
            let place = Place::Fixed(Box::new(elsewhere(&self.first, host, port)));
            Arc::new(Node::new(
                place,
                self.me.clone(),
                Arc::clone(&self.settings),
            ))
        });
        Arc::clone(node)
    }

    fn owner(&self, slot: Slot) -> Option<Arc<Node>> {
        self.read().slots.get(&slot).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Map> {
        self.map.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Map> {
        self.map.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guarded for Cluster {
    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn name(&self) -> &str {
        "cluster"
    }

    async fn probe(self: &Arc<Self>) -> Result<(), Error> {
        self.refresh().await
    }
}

/// EVALSHA, EVAL: the script, how many keys, the keys. Of any other command, the
/// key comes first.
fn slot_of(call: &Cmd) -> Slot {
    let mut args = call.args_iter();
    let is_script = matches!(args.next(), Some(Arg::Simple(name)) if name.starts_with(b"EVAL"));
    match args.nth(if is_script { 2 } else { 0 }) {
        Some(Arg::Simple(key)) => Slot::for_key(key),
        _ => Slot::for_key(""),
    }
}

fn host(node: &Node) -> &str {
    match node.place() {
        Place::Fixed(info) => match info.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
            _ => "",
        },
        Place::Elected(_) => "",
    }
}

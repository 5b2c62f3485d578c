//! The nodes of a cluster, and how the node of a call is found.
//!
//! This is not redis-rs's cluster client, because that one sends commands again
//! that may have run, and lets all calls wait while it learns the topology,
//! also those to healthy nodes. Here, nodes know nothing of each other, and a
//! call is sent again only if the reply shows that nothing ran.

use std::sync::{Arc, Weak};

use futures_util::{FutureExt, future::select_ok};
use redis::{Cmd, ConnectionAddr, ConnectionInfo, cluster_routing::Slot};
use tokio::time::sleep;

use super::{
    node::{Endpoint, Membership, Node},
    refresh_pace::RefreshPace,
    slot_map::{SlotMap, slot_of},
    topology::{self, SlotRange},
};
use crate::redis::{
    address::with_address,
    breaker::{self, Breaker, Guarded},
    connect::SingleFlight,
    error::{Error, Redirection},
    settings::LaneSettings,
    subscription::Subscription,
    wire::{Call, CallDeadline},
};

/// How many connected nodes are asked for the topology at once, beside the
/// configured ones.
const MAX_CONNECTED_WITNESSES: usize = 3;

/// A cluster, as one lane uses it.
pub(crate) struct Cluster {
    /// A handle to itself, which its nodes get.
    me: Weak<Self>,
    /// The first configured address, whose login all nodes use.
    first: ConnectionInfo,
    /// The configured nodes.
    seeds: Vec<Arc<Node>>,
    /// Which node has which slots; empty until the topology is learned.
    map: SlotMap,
    /// The attempt to learn the topology, if one is under way.
    refreshing: SingleFlight,
    /// The attempt that no call waits for, if one is under way or about to begin.
    refreshing_later: SingleFlight,
    /// How often there are attempts.
    pace: RefreshPace,
    /// Opens while the topology cannot be learned. Each node has its own
    /// breaker.
    breaker: Breaker,
    /// Those of the lane, which all nodes share.
    settings: Arc<LaneSettings>,
}

impl Cluster {
    /// A cluster with these known nodes, whose topology is learned by the first
    /// call.
    pub(super) fn new(seeds: &[ConnectionInfo], settings: &Arc<LaneSettings>) -> Arc<Self> {
        Arc::new_cyclic(|me: &Weak<Self>| {
            let node = |info: &ConnectionInfo| Arc::new(node(info.clone(), me, settings));
            Self {
                me: me.clone(),
                first: seeds[0].clone(),
                seeds: seeds.iter().map(node).collect(),
                map: SlotMap::default(),
                refreshing: SingleFlight::new("cluster"),
                refreshing_later: SingleFlight::new("cluster"),
                pace: RefreshPace::default(),
                breaker: Breaker::default(),
                settings: Arc::clone(settings),
            }
        })
    }

    /// Returns the node that has the keys of a call.
    ///
    /// While no topology is known, the first call learns it within its own
    /// timeout. Its outcome counts for the breaker of the cluster. If a topology has
    /// no node for the slot, calls fail at once, and now and then one asks again.
    pub(super) async fn node_for(
        self: &Arc<Self>,
        call: &Cmd,
        deadline: CallDeadline,
    ) -> Result<Arc<Node>, Error> {
        let slot = slot_of(call);
        if let Some(node) = self.map.owner(slot) {
            return Ok(node);
        }
        let no_owner = || Error::unreachable(self.name(), "no node has the slot of the key");
        if self.pace.rests() {
            return Err(no_owner());
        }
        breaker::admit(self, deadline).await?;
        // The probe of the breaker may have learned the topology.
        if let Some(node) = self.map.owner(slot) {
            return Ok(node);
        }
        let late = |_| deadline.exceeded(self.name());
        let refreshed = deadline.enforce(self.refresh()).await.map_err(late);
        let refreshed = refreshed.and_then(|result| result);
        breaker::record(self, refreshed.as_ref().err());
        refreshed?;
        let owner = self.map.owner(slot);
        match &owner {
            Some(_) => self.pace.found(),
            None => self.pace.missed(),
        }
        owner.ok_or_else(no_owner)
    }

    /// Returns the node that a redirection names.
    ///
    /// After `MOVED`, the slot is assigned at once, so that the next call goes
    /// there, and the whole topology is learned in the background. `ASK` holds
    /// for one call only, so nothing is remembered.
    pub(super) fn follow(self: &Arc<Self>, redirection: &Redirection, from: &Node) -> Arc<Node> {
        let host = match redirection.host.as_str() {
            "" => host(from),
            host => host,
        };
        let node = self.node_at(host, redirection.port);
        if !redirection.asking {
            if let Some(slot) = Slot::new(redirection.slot) {
                self.map.assign(slot, &node);
            }
            self.refresh_in_background();
        }
        node
    }

    /// Whether all calls are rejected at once. Usually the first node shows
    /// that they are not.
    ///
    /// While no node is known, the breaker of the cluster decides.
    pub(super) fn rejects_calls(self: &Arc<Self>) -> bool {
        let all = self.map.all(breaker::rejects);
        all.unwrap_or_else(|| breaker::rejects(self))
    }

    /// Whether the breakers of all nodes are open.
    pub(super) fn is_open(self: &Arc<Self>) -> bool {
        let all = self.map.all(breaker::is_open);
        all.unwrap_or_else(|| breaker::is_open(self))
    }

    /// Returns the primaries that are known.
    pub(crate) fn primaries(&self) -> Vec<Arc<Node>> {
        self.map.primaries()
    }

    /// Opens a subscription at the first node that replies.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<Subscription, Error> {
        let witnesses = self.witnesses();
        let opening = witnesses.iter().map(|node| node.subscribe(channel).boxed());
        let (subscription, _) = select_ok(opening).await?;
        Ok(subscription)
    }

    /// Learns the topology. All callers that need it at the same time share one
    /// attempt.
    pub(crate) async fn refresh(self: &Arc<Self>) -> Result<(), Error> {
        let cluster = Arc::clone(self);
        let learned = self.refreshing.join(async move { cluster.learn().await });
        learned.await
    }

    /// Learns the topology without waiting for it, a short time after the attempt
    /// before at the soonest. Many slots that move or calls that fail begin one.
    fn refresh_in_background(self: &Arc<Self>) {
        let cluster = Arc::clone(self);
        // The attempt is a task, which goes on without its result.
        drop(self.refreshing_later.join(async move {
            sleep(cluster.pace.time_to_next()).await;
            cluster.refresh().await
        }));
    }

    /// Asks some nodes at once, and takes the first topology that comes.
    async fn learn(self: Arc<Self>) -> Result<(), Error> {
        self.pace.begin();
        let witnesses = self.witnesses();
        let asked = witnesses.iter().map(|node| self.ask(node).boxed());
        let (ranges, _) = select_ok(asked).await?;
        let node = |range: &SlotRange| self.node_at(&range.host, range.port);
        self.map.replace(&ranges, node);
        Ok(())
    }

    /// Returns some connected nodes and the configured ones.
    ///
    /// The configured ones are asked, too, in case all others are gone.
    fn witnesses(&self) -> Vec<Arc<Node>> {
        let mut witnesses = self.primaries();
        witnesses.retain(|node| node.is_connected());
        witnesses.truncate(MAX_CONNECTED_WITNESSES);
        witnesses.extend(self.seeds.iter().cloned());
        witnesses
    }

    /// Asks one node for the topology, whatever its breaker says.
    async fn ask(&self, node: &Arc<Node>) -> Result<Vec<SlotRange>, Error> {
        let deadline = CallDeadline::after(self.settings.connect_timeout());
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let call = Call::of_command(command);
        let reply = node.send(&call, false, deadline).await?;
        let ranges = topology::parse(&reply, host(node))?;
        match ranges.is_empty() {
            true => Err(Error::reply("a cluster with slots")),
            false => Ok(ranges),
        }
    }

    /// Returns the node at this address, with the login of the first one.
    fn node_at(&self, host: &str, port: u16) -> Arc<Node> {
        let make = || {
            let info = with_address(&self.first, host, port);
            node(info, &self.me, &self.settings)
        };
        self.map.node_at(host, port, make)
    }
}

impl Membership for Cluster {
    fn refresh_soon(self: Arc<Self>) {
        self.refresh_in_background();
    }

    fn key_of(&self, node: &Node) -> Option<String> {
        let prefix = &self.settings.config.prefix;
        // So many names almost certainly hit each node's slots.
        let mut keys = (0..4_096).map(|n| format!("{prefix}:{{probe{n}}}"));
        keys.find(|key| self.map.has_key(node, key))
    }
}

impl Guarded for Cluster {
    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    fn settings(&self) -> &LaneSettings {
        &self.settings
    }

    fn name(&self) -> &str {
        "cluster"
    }

    async fn probe(self: &Arc<Self>) -> Result<(), Error> {
        self.refresh().await
    }
}

/// Makes a node of the cluster.
fn node(info: ConnectionInfo, cluster: &Weak<Cluster>, settings: &Arc<LaneSettings>) -> Node {
    let endpoint = Endpoint::Fixed(Box::new(info));
    let cluster: Weak<dyn Membership> = cluster.clone();
    Node::new(endpoint, Some(cluster), Arc::clone(settings))
}

/// Returns the host of a node, for replies that leave it out.
fn host(node: &Node) -> &str {
    match node.endpoint() {
        Endpoint::Fixed(info) => match info.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
            _ => "",
        },
        Endpoint::Primary(_) => "",
    }
}

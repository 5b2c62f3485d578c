//! Which node of a cluster has which slots. The cluster looks up the node of a
//! key here, and replaces the map when it learns the topology.
//!
//! A cluster has 16,384 slots, and a key's slot is a hash of the part in
//! braces. All keys of one call have the same slot.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use redis::{Arg, Cmd, cluster_routing::Slot};

use super::{node::Node, topology::SlotRange};

/// The number of slots in each cluster.
const SLOTS: usize = 16_384;

/// The current map. Calls only read it, so they do not wait for each other.
///
/// A map is replaced as a whole, so a reader never sees half a topology.
#[derive(Default)]
pub(super) struct SlotMap(RwLock<Map>);

/// The map, which is replaced as a whole when the topology is learned.
#[derive(Default)]
struct Map {
    /// The owner of each slot; redirections change single ones.
    slots: HashMap<Slot, Arc<Node>>,
    /// The primaries, by host and port.
    nodes: HashMap<(String, u16), Arc<Node>>,
}

impl SlotMap {
    /// Returns the node that has a slot.
    pub(super) fn owner(&self, slot: Slot) -> Option<Arc<Node>> {
        self.read().slots.get(&slot).cloned()
    }

    /// Notes that this node has a slot.
    pub(super) fn assign(&self, slot: Slot, node: &Arc<Node>) {
        self.write().slots.insert(slot, Arc::clone(node));
    }

    /// Returns the node at this address, which is made if it is new.
    pub(super) fn node_at(&self, host: &str, port: u16, make: impl FnOnce() -> Node) -> Arc<Node> {
        let mut map = self.write();
        let address = (host.to_owned(), port);
        let node = map.nodes.entry(address).or_insert_with(|| Arc::new(make()));
        Arc::clone(node)
    }

    /// Returns all nodes.
    pub(super) fn primaries(&self) -> Vec<Arc<Node>> {
        self.read().nodes.values().cloned().collect()
    }

    /// Whether all nodes are so; `None` while no node is known. It stops at the
    /// first node that is not.
    pub(super) fn all(&self, is_so: impl FnMut(&Arc<Node>) -> bool) -> Option<bool> {
        let map = self.read();
        (!map.nodes.is_empty()).then(|| map.nodes.values().all(is_so))
    }

    /// Whether this node has the slot of a key.
    pub(super) fn has_key(&self, node: &Node, key: &str) -> bool {
        let map = self.read();
        let owner = map.slots.get(&Slot::for_key(key));
        owner.is_some_and(|owner| std::ptr::eq(&**owner, node))
    }

    /// Replaces the map by these ranges. `node` is called for each, without a
    /// lock: calls go on while the new map is built.
    pub(super) fn replace(&self, ranges: &[SlotRange], node: impl Fn(&SlotRange) -> Arc<Node>) {
        let mut fresh = Map::default();
        fresh.slots.reserve(SLOTS);
        for range in ranges {
            let node = node(range);
            let slots = (range.first..=range.last).filter_map(Slot::new);
            let slots = slots.map(|slot| (slot, Arc::clone(&node)));
            fresh.slots.extend(slots);
            fresh.nodes.insert((range.host.clone(), range.port), node);
        }
        *self.write() = fresh;
    }

    /// Locks the map for a look. A panic of another thread leaves it usable.
    fn read(&self) -> RwLockReadGuard<'_, Map> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the map for a change.
    fn write(&self) -> RwLockWriteGuard<'_, Map> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the slot of a call's first key. It follows the script and the number
/// of keys in EVALSHA and EVAL, and is the first argument of any other command.
pub(super) fn slot_of(call: &Cmd) -> Slot {
    let mut args = call.args_iter();
    let is_script = matches!(args.next(), Some(Arg::Simple(name)) if name.starts_with(b"EVAL"));
    match args.nth(if is_script { 2 } else { 0 }) {
        Some(Arg::Simple(key)) => Slot::for_key(key),
        _ => Slot::for_key(""),
    }
}

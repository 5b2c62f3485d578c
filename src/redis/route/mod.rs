//! The way of a call: its lane, then the node of a cluster that has its keys.
//!
//! From top to bottom, a call passes through:
//! 1. `lanes`: the client of its lane, which is opened when it is first used;
//! 2. `lane_client`: counts the call, and sends it again where nothing ran;
//! 3. `cluster`: finds the node that has the keys, by the `slot_map`, and the
//!    `refresh_pace` says how often it learns that;
//! 4. `node`: asks the breaker, takes a connection, and sends the call once.

mod cluster;
mod lane_client;
mod lanes;
mod node;
mod probe;
mod refresh_pace;
mod slot_map;
mod target;
mod topology;

pub(crate) use self::{
    cluster::Cluster,
    lane_client::{LaneClient, Servers},
    lanes::Lanes,
    target::Target,
};

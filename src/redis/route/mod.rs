//! The way of a call: its lane, then the node of a cluster that has its keys.

mod cluster;
mod lane_client;
mod lanes;
mod node;
mod probe;
mod slot_map;
mod target;
mod topology;

pub(crate) use self::{
    cluster::Cluster,
    lane_client::{LaneClient, Servers},
    lanes::Lanes,
    target::Target,
};

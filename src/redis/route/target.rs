//! The servers of a connection, with their addresses parsed.
//!
//! The builder parses all addresses here, so a lane that is opened later cannot
//! fail for a wrong address.

use std::sync::Arc;

use redis::ConnectionInfo;

use super::{
    cluster::Cluster,
    lane_client::Servers,
    node::{Endpoint, Node},
};
use crate::redis::{
    address::{Tls, address, addresses, primary},
    connect::Sentinels,
    error::Error,
    server::{Server, ServerUrls},
    settings::LaneSettings,
};

/// Everything that is needed to open the servers of a lane.
pub(crate) enum Target {
    Single(Box<ConnectionInfo>),
    Sentinel(Box<Sentinels>),
    Cluster(Vec<ConnectionInfo>),
}

impl Target {
    /// Parses the addresses.
    pub(crate) fn parse(server: &Server, tls: &Tls) -> Result<Self, Error> {
        match &server.0 {
            ServerUrls::Single(url) => Ok(Self::Single(Box::new(address(url, tls)?))),
            ServerUrls::Sentinel {
                sentinels,
                primary: url,
            } => {
                let addresses = addresses(sentinels, tls)?;
                let (name, primary) = primary(url, tls)?;
                Ok(Self::Sentinel(Box::new(Sentinels {
                    addresses,
                    name,
                    primary,
                })))
            }
            ServerUrls::Cluster(nodes) => {
                let seeds = addresses(nodes, tls)?;
                if let Some(seed) = seeds.iter().find(|seed| seed.redis_settings().db() != 0) {
                    let database = seed.redis_settings().db();
                    return Err(Error::config("database", database, "0 in a cluster"));
                }
                Ok(Self::Cluster(seeds))
            }
        }
    }

    /// Returns the address whose login the servers use.
    pub(crate) fn login(&self) -> &ConnectionInfo {
        match self {
            Self::Single(info) => info,
            Self::Sentinel(sentinels) => &sentinels.primary,
            Self::Cluster(seeds) => &seeds[0],
        }
    }

    /// Opens the servers for a lane. They share nothing with those of other
    /// lanes.
    ///
    /// Nothing is connected here; the first call of the lane does that.
    pub(super) fn open(&self, settings: &Arc<LaneSettings>) -> Servers {
        let endpoint = match self {
            Self::Single(info) => Endpoint::Fixed(info.clone()),
            Self::Sentinel(sentinels) => Endpoint::Primary(sentinels.clone()),
            Self::Cluster(seeds) => return Servers::Cluster(Cluster::new(seeds, settings)),
        };
        Servers::Single(Arc::new(Node::new(endpoint, None, Arc::clone(settings))))
    }
}

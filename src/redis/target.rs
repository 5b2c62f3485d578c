//! Where the servers are, once the addresses have been read.

use std::sync::{Arc, Weak};

use redis::ConnectionInfo;

use super::{
    address,
    cluster::Cluster,
    error::Error,
    link::Servers,
    node::{Node, Place},
    sentinel::Sentinels,
    server::{Kind, Server},
    settings::Settings,
    tls::Tls,
};

/// What it takes to open the way of a lane.
pub(super) enum Target {
    Single(Box<ConnectionInfo>),
    Sentinel(Box<Sentinels>),
    Cluster(Vec<ConnectionInfo>),
}

impl Target {
    pub(super) fn of(server: &Server, tls: &Tls) -> Result<Self, Error> {
        match &server.0 {
            Kind::Single(url) => Ok(Self::Single(Box::new(address::address(url, tls)?))),
            Kind::Sentinel { sentinels, primary } => {
                let addresses = address::addresses(sentinels, tls)?;
                let (name, primary) = address::primary(primary, tls)?;
                Ok(Self::Sentinel(Box::new(Sentinels {
                    addresses,
                    name,
                    primary,
                })))
            }
            Kind::Cluster(nodes) => {
                let seeds = address::addresses(nodes, tls)?;
                if let Some(seed) = seeds.iter().find(|seed| seed.redis_settings().db() != 0) {
                    let database = seed.redis_settings().db();
                    return Err(Error::config("database", database, "0 in a cluster"));
                }
                Ok(Self::Cluster(seeds))
            }
        }
    }

    /// How to log in there.
    pub(super) fn login(&self) -> &ConnectionInfo {
        match self {
            Self::Single(info) => info,
            Self::Sentinel(sentinels) => &sentinels.primary,
            Self::Cluster(seeds) => &seeds[0],
        }
    }

    /// Ways to the servers that share nothing with those that were made before.
    pub(super) fn servers(&self, settings: &Arc<Settings>) -> Servers {
        let place = match self {
            Self::Single(info) => Place::Fixed(info.clone()),
            Self::Sentinel(sentinels) => Place::Elected(sentinels.clone()),
            Self::Cluster(seeds) => return Servers::Cluster(Cluster::new(seeds, settings)),
        };
        Servers::One(Arc::new(Node::new(
            place,
            Weak::new(),
            Arc::clone(settings),
        )))
    }
}

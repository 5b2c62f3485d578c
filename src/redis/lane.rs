//! What may share a server, but not a connection.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use redis::ConnectionInfo;

use super::{
    link::Link,
    settings::Settings,
    stats::{LaneStats, Stats},
    target::Target,
};
use crate::{
    histogram::Durations,
    sync::{Mutex, lock},
};

/// Which part of this crate a call is for. Each lane has connections, breakers and
/// [statistics](LaneStats) of its own, so that large records keep no limit from
/// being decided, and calls that fail on one close no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Lane {
    /// The checks of [limiters](crate::limit::Redis).
    Limits,
    /// Claims, renewals and ends of idempotent work.
    Records,
    /// Records of idempotent work that are larger than 16 KiB. A call with one may take
    /// the connection's timeout, and once more that for each 64 KiB of it and of those
    /// under way before it.
    LargeRecords,
    /// The counts of [RED metrics](crate::red::Redis).
    Counts,
    /// The [registry of deadlines](crate::deadline::registry).
    Deadlines,
}

const LANES: [Lane; 5] = [
    Lane::Limits,
    Lane::Records,
    Lane::LargeRecords,
    Lane::Counts,
    Lane::Deadlines,
];

impl Lane {
    /// What metrics and logs call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Records => "records",
            Self::LargeRecords => "large_records",
            Self::Counts => "counts",
            Self::Deadlines => "deadlines",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The lanes of a connection, each opened when it is first used.
pub(super) struct Lanes {
    target: Target,
    /// What each lane's settings are made of.
    settings: Settings,
    links: [OnceLock<Link>; LANES.len()],
    /// One that was made to see that the server works, until a lane takes it.
    spare: Mutex<Option<Link>>,
}

impl Lanes {
    pub(super) fn new(target: Target, settings: Settings) -> Self {
        Self {
            target,
            settings,
            links: Default::default(),
            spare: Mutex::new(None),
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How to log in at the servers.
    pub(super) fn login(&self) -> &ConnectionInfo {
        self.target.login()
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.target, Target::Cluster(_))
    }

    pub(super) fn get(&self, lane: Lane) -> &Link {
        self.links[lane as usize].get_or_init(|| {
            let spare = lock(&self.spare).take();
            let link = spare.unwrap_or_else(|| self.link());
            link.settings.is_for(lane);
            link
        })
    }

    /// A way to the servers for the first lane that is used.
    pub(super) fn open_spare(&self) -> Link {
        let link = self.link();
        *lock(&self.spare) = Some(link.clone());
        link
    }

    fn link(&self) -> Link {
        let settings = Arc::new(self.settings.fresh());
        let servers = self.target.servers(&settings);
        Link { servers, settings }
    }

    /// What happened on all lanes together.
    pub(super) fn stats(&self) -> Stats {
        let all = self.all().map(|link| link.settings.counters.stats());
        all.fold(Stats::default(), Stats::plus)
    }

    pub(super) fn latency(&self) -> Durations {
        let mut sum = self.settings.latency.read();
        for link in self.all() {
            // All have the same bounds.
            sum.add(&link.settings.latency.read());
        }
        sum
    }

    pub(super) fn is_open(&self) -> bool {
        self.all().any(|link| link.is_open())
    }

    pub(super) fn each(&self) -> Vec<LaneStats> {
        let open = LANES.into_iter().zip(&self.links);
        let open = open.filter_map(|(lane, link)| Some((lane, link.get()?)));
        open.map(|(lane, link)| LaneStats {
            lane,
            stats: link.settings.counters.stats(),
            latency: link.settings.latency.read(),
            is_open: link.is_open(),
        })
        .collect()
    }

    fn all(&self) -> impl Iterator<Item = Link> {
        let spare = lock(&self.spare).clone();
        let open = self.links.iter().filter_map(OnceLock::get).cloned();
        open.chain(spare)
    }
}

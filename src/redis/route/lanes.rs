//! The lanes of a connection, each opened when it is first used.
//!
//! Most processes use two or three of the five. A lane that is never used has
//! no connection.

use std::sync::{Arc, OnceLock};

use redis::ConnectionInfo;

use super::{lane_client::LaneClient, target::Target};
use crate::{
    histogram::Durations,
    redis::{
        lane::{LANES, Lane},
        settings::LaneSettings,
        stats::{LaneStats, Stats},
    },
    sync::{Mutex, lock},
};

/// The clients of all lanes, which the clones of a connection share.
pub(crate) struct Lanes {
    /// The servers, as each lane opens them.
    target: Target,
    /// The template of each lane's settings.
    settings: LaneSettings,
    /// By the discriminant of their lane.
    clients: [OnceLock<LaneClient>; LANES.len()],
    /// A client that was made to check the server, until a lane takes it.
    spare: Mutex<Option<LaneClient>>,
}

impl Lanes {
    /// The lanes of a connection, of which none is open.
    pub(crate) fn new(target: Target, settings: LaneSettings) -> Self {
        Self {
            target,
            settings,
            clients: Default::default(),
            spare: Mutex::new(None),
        }
    }

    /// Returns the settings that all lanes have in common.
    pub(crate) fn settings(&self) -> &LaneSettings {
        &self.settings
    }

    /// Returns the address whose login the servers use.
    pub(crate) fn login(&self) -> &ConnectionInfo {
        self.target.login()
    }

    /// Whether the servers are a cluster.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.target, Target::Cluster(_))
    }

    /// Returns the client of a lane, and opens it if need be.
    pub(crate) fn get(&self, lane: Lane) -> &LaneClient {
        self.clients[lane as usize].get_or_init(|| {
            let spare = lock(&self.spare).take();
            let client = spare.unwrap_or_else(|| self.open());
            client.settings.assign_lane(lane);
            client
        })
    }

    /// Opens a client that the first used lane takes.
    ///
    /// `connect` checks the server with it, and the connection that was made
    /// for the check is not wasted.
    pub(crate) fn open_spare(&self) -> LaneClient {
        let client = self.open();
        *lock(&self.spare) = Some(client.clone());
        client
    }

    /// Opens a client with counters and connections of its own.
    fn open(&self) -> LaneClient {
        let settings = Arc::new(self.settings.for_new_lane());
        let servers = self.target.open(&settings);
        LaneClient { servers, settings }
    }

    /// Returns the counts of all lanes together.
    pub(crate) fn stats(&self) -> Stats {
        let clients = self.all();
        clients
            .map(|client| client.settings.counters.snapshot())
            .sum()
    }

    /// Returns the latencies of all lanes together.
    pub(crate) fn latency(&self) -> Durations {
        let mut sum = self.settings.latency.read();
        for client in self.all() {
            // All have the same bounds, so nothing is lost.
            sum.add(&client.settings.latency.read());
        }
        sum
    }

    /// Whether the breaker of any lane is open.
    pub(crate) fn is_any_open(&self) -> bool {
        self.all().any(|client| client.is_open())
    }

    /// Returns the statistics of each open lane.
    pub(crate) fn each(&self) -> Vec<LaneStats> {
        let open = LANES.into_iter().zip(&self.clients);
        let open = open.filter_map(|(lane, client)| Some((lane, client.get()?)));
        open.map(|(lane, client)| LaneStats {
            lane,
            stats: client.settings.counters.snapshot(),
            latency: client.settings.latency.read(),
            is_open: client.is_open(),
        })
        .collect()
    }

    /// Returns the open clients, and the spare one.
    fn all(&self) -> impl Iterator<Item = LaneClient> {
        let spare = lock(&self.spare).clone();
        let open = self.clients.iter().filter_map(OnceLock::get).cloned();
        open.chain(spare)
    }
}

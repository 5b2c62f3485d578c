//! The server, and what is measured in it.

use std::{error::Error, time::Duration};

use sluicegate::{limit::Quota, redis::Connection};
use tokio::runtime::{Builder, Runtime};

use super::{
    checks::Checks,
    usage::{bytes_per_key, forget, usage},
};
use crate::{
    compare::{
        measure::{by_rule::by_rule, subject::limit},
        traffic::Scale,
    },
    report::number::hundredths,
    results::InRedis,
};

/// Any error of the server or of the connection to it.
pub(super) type Failure = Box<dyn Error>;

/// The callers that ask at the same time.
const CALLERS: u64 = 64;

/// A running server.
pub(in super::super) struct Server {
    pub(super) runtime: Runtime,
    pub(super) connection: Connection,
    pub(super) client: redis::Client,
}

impl Server {
    /// Connects to a server.
    pub(in super::super) fn connect(url: &str) -> Result<Self, Failure> {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let connection = Connection::builder(url).timeout(Duration::from_secs(10));
        Ok(Self {
            connection: runtime.block_on(connection.connect())?,
            runtime,
            client: redis::Client::open(url)?,
        })
    }

    /// Measures a rule; `None` for a peer.
    pub(in super::super) fn measure(
        &self,
        id: &str,
        scale: Scale,
    ) -> Result<Option<InRedis>, Failure> {
        let each = match scale {
            Scale::Full => 500,
            Scale::Quick => 20,
        };
        let Some(mut times) = self.checks(id, 1, 10 * each)? else {
            return Ok(None);
        };
        times.sort_unstable();
        let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e6;
        let mut server = self.client.get_connection()?;
        let before = usage(&mut server)?;
        self.checks(id, CALLERS, each)?;
        let after = usage(&mut server)?;
        let decisions = (CALLERS * each) as f64;
        let cpu = after.cpu_seconds - before.cpu_seconds;
        Ok(Some(InRedis {
            p50_us: hundredths(at(50)),
            p99_us: hundredths(at(99)),
            commands_per_decision: hundredths((after.commands - before.commands) / decisions),
            cpu_us_per_decision: hundredths(cpu * 1e6 / decisions),
            bytes_per_key: hundredths(self.memory(id)?),
        }))
    }

    /// Returns the times of checks which all pass.
    fn checks(&self, id: &str, callers: u64, each: u64) -> Result<Option<Vec<Duration>>, Failure> {
        let name = format!("lab-time-{id}");
        let checks = Checks {
            server: self,
            name: &name,
            keys: 1_000,
            callers,
            each,
        };
        let times = by_rule(id, plenty(id), checks).transpose()?;
        forget(&mut self.client.get_connection()?, &name)?;
        Ok(times)
    }

    /// Returns the memory of a bucket that is as full as it gets.
    fn memory(&self, id: &str) -> Result<f64, Failure> {
        let (name, keys) = (format!("lab-memory-{id}"), 10);
        let checks = Checks {
            server: self,
            name: &name,
            keys,
            callers: 1,
            each: keys * limit().amount(),
        };
        by_rule(id, limit(), checks).transpose()?;
        let mut server = self.client.get_connection()?;
        let bytes = bytes_per_key(&mut server, &name)?;
        forget(&mut server, &name)?;
        Ok(bytes)
    }
}

/// Returns a quota that no measurement reaches. A log has one so short that it
/// stays small.
fn plenty(id: &str) -> Quota {
    let text = match id {
        "sliding-log" => "65536/500us",
        "sliding-window" | "fixed-window" => "50000000/500ms",
        _ => "1000000/1s burst 1000000000",
    };
    text.parse().expect("the quota is valid")
}

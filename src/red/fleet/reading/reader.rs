//! Reading what a fleet has counted.

use std::{future::ready, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    fleet::{Fleet, FleetBuilder},
    watch::Watch,
    windows::WindowSums,
};
use crate::red::fleet::{client::FleetClient, resolution::Resolution};
use crate::{
    clock::Tick,
    red::registry::settings,
    redis::{Connection, Error},
};

/// How many windows are asked for at once.
const CALLS: usize = 4;

/// Reads what a fleet has counted, without counting anything itself: for a
/// command line, or an alert.
///
/// ```no_run
/// # async fn read() -> Result<(), sluicegate::redis::Error> {
/// use std::time::Duration;
/// use sluicegate::{red::redis::Reader, redis::Connection};
///
/// let connection = Connection::connect("redis://127.0.0.1/").await?;
/// let fleet = Reader::new("orders", &connection).read(Duration::from_secs(300)).await?;
/// println!("{:.1} requests a second", fleet.rate());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    client: FleetClient,
    /// Of histograms that have nothing in them.
    bounds: Arc<[u64]>,
}

impl Reader {
    /// Of the fleet of this name, on the connection's prefix.
    pub fn new(name: &str, connection: &Connection) -> Self {
        let client = FleetClient::new(name, connection);
        Self::of(&client, &settings::default_bounds())
    }

    pub(crate) fn of(client: &FleetClient, bounds: &Arc<[u64]>) -> Self {
        Self {
            client: client.clone(),
            bounds: Arc::clone(bounds),
        }
    }

    /// What has ended in the last `span`, by the server's clock, and what is in
    /// flight now.
    ///
    /// All windows count that the span overlaps. They are 10 seconds wide up to a
    /// span of 20 minutes, and 10 minutes wide up to 3 days; each is read by a command
    /// of its own, so that the server has time for others in between: 3 days are 433 of
    /// them.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::redis::ErrorKind::Config) for a span of none or more than 3
    /// days; otherwise why Redis gave no answer.
    pub async fn read(&self, span: Duration) -> Result<Fleet, Error> {
        self.read_at(span, None).await
    }

    #[doc(hidden)]
    pub async fn read_at(&self, span: Duration, now: Option<Tick>) -> Result<Fleet, Error> {
        let resolution = Resolution::of(span)?;
        let look = self.client.look(now).await?;
        let now = look.now;
        let mut builder = FleetBuilder::default();
        for told in look.lists() {
            builder.add(told?);
        }
        let windows = self.windows(resolution, span, now).await?;
        let covered = resolution.covered(span, now);
        Ok(builder.fleet(windows, now, covered, &self.bounds))
    }

    async fn windows(
        &self,
        resolution: &Resolution,
        span: Duration,
        now: Tick,
    ) -> Result<WindowSums, Error> {
        let windows = resolution.windows(span, now);
        let windows = stream::iter(windows).map(|second| self.client.read(resolution, second));
        let add = |mut all: WindowSums, window| {
            all.add(window);
            ready(Ok(all))
        };
        let windows = windows.buffer_unordered(CALLS);
        windows.try_fold(WindowSums::default(), add).await
    }

    /// Reads again and again in the background, so that whoever wants to know need
    /// not wait.
    ///
    /// # Panics
    ///
    /// When `every` is 0.
    #[must_use = "it ends when it is dropped"]
    #[track_caller]
    pub fn watch(&self, span: Duration, every: Duration) -> Watch {
        Watch::begin(self.clone(), span, every)
    }
}

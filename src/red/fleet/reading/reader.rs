//! Reads a fleet from Redis.

use std::{future::ready, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    fleet::{Fleet, FleetBuilder},
    watch::Watch,
    windows::WindowSums,
};
use crate::{
    clock::Tick,
    red::{
        fleet::{client::FleetClient, resolution::Resolution},
        registry::settings,
    },
    redis::{Connection, Error},
};

/// The number of windows that are read at a time.
const CALLS: usize = 4;

/// Reads what a fleet has counted without counting anything itself: for a
/// command line, or for an alert.
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
    /// The bounds of histograms without any counts.
    bounds: Arc<[u64]>,
}

impl Reader {
    /// Returns a reader of the fleet of this name, on the connection's prefix.
    pub fn new(name: &str, connection: &Connection) -> Self {
        let client = FleetClient::new(name, connection);
        Self::of(&client, &settings::default_bounds())
    }

    /// Returns a reader for a client that exists already.
    pub(crate) fn of(client: &FleetClient, bounds: &Arc<[u64]>) -> Self {
        Self {
            client: client.clone(),
            bounds: Arc::clone(bounds),
        }
    }

    /// Reads which requests ended in the last `span`, by the server's clock,
    /// and which are in flight now.
    ///
    /// Every window that the span overlaps is read. Windows are 10 seconds wide
    /// up to a span of 20 minutes, and 10 minutes wide up to 3 days. Each is
    /// read by a command of its own, so that the server can answer others in
    /// between: 3 days take 433 commands.
    ///
    /// # Errors
    ///
    /// Returns [`Config`](crate::redis::ErrorKind::Config) for a span of 0 or
    /// of more than 3 days, or why Redis did not answer.
    pub async fn read(&self, span: Duration) -> Result<Fleet, Error> {
        self.read_at(span, None).await
    }

    /// Reads at a given tick instead of the server's time.
    #[doc(hidden)]
    pub async fn read_at(&self, span: Duration, now: Option<Tick>) -> Result<Fleet, Error> {
        let resolution = Resolution::of(span)?;
        // First, because the windows to read follow from the server's time.
        let look = self.client.look(now).await?;
        let now = look.now;
        let mut builder = FleetBuilder::default();
        for record in look.lists() {
            builder.add(record?);
        }
        let windows = self.windows(resolution, span, now).await?;
        let covered = resolution.covered(span, now);
        Ok(builder.fleet(windows, now, covered, &self.bounds))
    }

    /// Reads and adds up the windows of a span.
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
        // In any order, because the windows are added up.
        let windows = windows.buffer_unordered(CALLS);
        windows.try_fold(WindowSums::default(), add).await
    }

    /// Reads again and again in the background, so that the result can be
    /// looked at without waiting.
    ///
    /// # Panics
    ///
    /// Panics if `every` is 0.
    #[must_use = "it ends when it is dropped"]
    #[track_caller]
    pub fn watch(&self, span: Duration, every: Duration) -> Watch {
        Watch::begin(self.clone(), span, every)
    }
}

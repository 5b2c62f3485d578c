//! The parts of the worker, put together.

use std::{sync::Arc, time::Duration};

use sluicegate::{
    deadline::Registry,
    redis::{self, Connection},
};
use tokio::sync::{Notify, watch};

use crate::{
    live,
    marks::{Marks, MarksAt},
    pipeline::{Backlog, Channels, Context, Gauges, Pipeline},
    provider::Provider,
    refused::Refused,
    settings::Serve,
    store::Store,
};

/// A worker that runs.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) context: Context,
    pipeline: Pipeline,
    stop: watch::Sender<bool>,
}

impl Worker {
    /// Opens everything, and starts the pipeline.
    pub(crate) async fn start(settings: &Serve) -> Result<Self, Refused> {
        let redis = connect(settings.redis.as_deref()).await?;
        let store = open(&settings.database).await?;
        let (at, takeover) = (&settings.marks, settings.takeover.into());
        let marks = Marks::open(at, redis.as_ref(), settings.lease, takeover).await?;
        let books = settings.provider_books.as_deref();
        let provider = Provider::open(settings.charge_time, settings.fail_rate, books);
        let (stop, stopping) = watch::channel(false);
        let context = Context {
            store,
            marks,
            provider: provider.map_err(|error| Refused::new("--provider-books", error))?,
            deadlines: deadlines(settings.max_pending, redis.as_ref()),
            policy: settings.policy(),
            gauges: Arc::new(Gauges::default()),
            backlog: Arc::new(Backlog::new(settings.max_pending, 0)),
            wake: Arc::new(Notify::new()),
            stopping,
        };
        let counted = live::look(&context).await;
        counted.map_err(|error| Refused::new("--database", error))?;
        let pipeline = Pipeline::start(&context, settings.sizes());
        Ok(Self {
            context,
            pipeline,
            stop,
        })
    }

    pub(crate) fn channels(&self) -> Channels {
        self.pipeline.channels()
    }

    /// Begins nothing new.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Finishes what is begun, within this time, gives the rest back, and closes the
    /// database. Returns whether something was cut off.
    pub(crate) async fn drain(self, budget: Duration) -> bool {
        self.stop();
        let was_late = self.pipeline.stop(budget).await;
        // Work that goes on without its pool.
        let left = self.context.marks.drain(budget).await;
        self.context.store.close().await;
        was_late || left > 0
    }
}

async fn connect(url: Option<&str>) -> Result<Option<Connection>, Refused> {
    let Some(url) = url else {
        return Ok(None);
    };
    let builder = Connection::builder(url);
    let connected = match builder.clone().connect().await {
        // A server that does not answer is connected to later.
        Err(error) if error.kind() != redis::ErrorKind::Config => builder.lazy(),
        connected => connected,
    };
    connected
        .map(Some)
        .map_err(|error| Refused::new("--redis", error))
}

/// Opens the database, and creates the folder of SQLite's file.
async fn open(url: &str) -> Result<Store, Refused> {
    let path = url
        .strip_prefix("sqlite:")
        .and_then(|path| path.split('?').next());
    let folder = path.and_then(|path| std::path::Path::new(path).parent());
    if let Some(folder) = folder {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|error| Refused::new("--database", error))?;
    }
    let opened = Store::open(url).await;
    opened.map_err(|error| Refused::new("--database", error))
}

/// Each pending event may have a deadline, and those that have passed stay for a
/// minute.
fn deadlines(max_pending: u64, redis: Option<&Connection>) -> Registry {
    let capacity = usize::try_from(max_pending).unwrap_or(usize::MAX);
    let builder = Registry::builder().capacity(capacity.saturating_mul(4).max(1));
    match redis {
        Some(redis) => builder.redis("worker", redis),
        None => builder.local(),
    }
}

/// Says what a kill would do.
pub(crate) fn warning(marks: &MarksAt) -> &'static str {
    match marks {
        MarksAt::Memory => {
            "warning: the marks are in memory, so a kill may repeat the charge of events that were \
             under way; use --marks durable:PATH or --marks redis\n"
        }
        _ => "",
    }
}

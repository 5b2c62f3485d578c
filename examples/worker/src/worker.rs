//! The parts of the worker, put together.

use std::{sync::Arc, time::Duration};

use sluicegate::{
    deadline::Registry,
    drain::Drain,
    red,
    redis::{self, Connection},
};

use crate::{
    live,
    marks::{Marks, MarksAt},
    pipeline::{self, Backlog, Channels, Context},
    provider::Provider,
    refused::Refused,
    settings::Serve,
    store::Store,
};

/// A worker that runs.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) context: Context,
    pub(crate) channels: Channels,
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
        let metrics = red::Registry::new();
        let context = Context {
            store,
            marks,
            provider: provider.map_err(|error| Refused::new("--provider-books", error))?,
            deadlines: deadlines(settings.max_pending, redis.as_ref()),
            policy: settings.policy(),
            gauges: Arc::default(),
            backlog: Arc::new(Backlog::new(settings.max_pending, 0)),
            wake: Arc::default(),
            drain: drain(settings, &metrics)?,
            metrics,
        };
        let counted = live::look(&context).await;
        counted.map_err(|error| Refused::new("--database", error))?;
        close_at_end(&context, settings.drain);
        let channels = pipeline::start(&context, settings.sizes());
        Ok(Self { context, channels })
    }
}

/// Each of the last two stages of a drain gets a tenth of the budget, and no more than
/// this.
const LONGEST_LAST_STAGE: Duration = Duration::from_secs(1);

/// Returns the drain, which is among the metrics.
fn drain(settings: &Serve, metrics: &red::Registry) -> Result<Drain, Refused> {
    let last = (settings.drain / 10).min(LONGEST_LAST_STAGE);
    let drain = Drain::builder()
        .observe(Arc::new(metrics.clone()))
        .budget(settings.drain)
        .lame_duck(settings.lame_duck)
        .cancelling(last)
        .closing(last)
        .try_build()
        .map_err(|error| Refused::new("--drain", error))?;
    metrics.drain(&drain);
    Ok(drain)
}

/// Waits at the end of the drain for work that goes on without its pool, and closes
/// the database.
fn close_at_end(context: &Context, budget: Duration) {
    let (marks, store) = (context.marks.clone(), context.store.clone());
    let work = async move {
        marks.drain(budget).await;
    };
    context.drain.at_end("work in the background", work);
    context
        .drain
        .at_end("database", async move { store.close().await });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marks_in_memory_come_with_a_warning() {
        assert!(warning(&MarksAt::Memory).contains("a kill may repeat the charge"));
        assert_eq!(warning(&MarksAt::Redis), "");
        assert_eq!(warning(&MarksAt::Durable("marks".into())), "");
    }
}

//! A fleet that is read again and again in the background.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

use super::{fleet::Fleet, reader::Reader};
use crate::{redis::Error, runtime::background};

/// A view of a [`Fleet`] that is read again and again in the background. Clones
/// share it.
///
/// [`Redis::watch`](crate::red::Redis::watch) and [`Reader::watch`] make it.
/// Looking at it neither calls Redis nor waits. The background reader ends when
/// the last clone is dropped.
///
/// ```no_run
/// # fn watch(metrics: &sluicegate::red::Redis) {
/// use std::time::Duration;
///
/// let watch = metrics.watch(Duration::from_secs(300), Duration::from_secs(15));
/// // Later, in a health check:
/// let fleet = watch.latest();
/// println!("{:.1} requests a second, read at {:?}", fleet.rate(), fleet.at);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Watch {
    /// Holds the last reading; the background reader sends into it.
    last: watch::Receiver<LastRead>,
}

/// The last reading that succeeded, and the last error.
#[derive(Clone, Debug, Default)]
struct LastRead {
    /// Shared, so that looking does not copy it.
    fleet: Arc<Fleet>,
    /// Why the fleet is not newer.
    error: Option<Error>,
}

impl Watch {
    /// Starts the background reader.
    #[track_caller]
    pub(crate) fn begin(reader: Reader, span: Duration, every: Duration) -> Self {
        assert!(
            !every.is_zero(),
            "invalid interval {every:?}: must be more than 0"
        );
        let (sender, last) = watch::channel(LastRead::default());
        background().spawn(run(reader, span, every, sender));
        Self { last }
    }

    /// Returns what was read last; an [empty fleet](Fleet::default) before the
    /// first time.
    pub fn latest(&self) -> Arc<Fleet> {
        Arc::clone(&self.last.borrow().fleet)
    }

    /// Returns why the last attempt to read failed; `None` if it succeeded.
    pub fn error(&self) -> Option<Error> {
        self.last.borrow().error.clone()
    }

    /// Waits for the next attempt to read, and returns its result.
    ///
    /// ```no_run
    /// # async fn follow(mut watch: sluicegate::red::redis::Watch) {
    /// while let Ok(fleet) = watch.next().await {
    ///     println!("{:.1} requests a second", fleet.rate());
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns what [`error`](Self::error) returns then.
    pub async fn next(&mut self) -> Result<Arc<Fleet>, Error> {
        // The sender ends after all receivers, unless the crate's own thread
        // could not start.
        self.last.changed().await.map_err(|_| Error::no_runtime())?;
        let LastRead { fleet, error } = self.last.borrow_and_update().clone();
        error.map_or(Ok(fleet), Err)
    }
}

/// Reads until the last clone of the watch is dropped.
async fn run(reader: Reader, span: Duration, every: Duration, sender: watch::Sender<LastRead>) {
    loop {
        let read = reader.read(span).await;
        sender.send_modify(|last| match read {
            Ok(fleet) => (last.fleet, last.error) = (Arc::new(fleet), None),
            Err(error) => last.error = Some(error),
        });
        if timeout(every, sender.closed()).await.is_ok() {
            return;
        }
    }
}

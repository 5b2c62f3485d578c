//! A fleet that is read again and again in the background.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

use super::{fleet::Fleet, reader::Reader};
use crate::{redis::Error, runtime::background};

/// What a fleet has counted, read again and again. Clones share it.
///
/// [`Redis::watch`](crate::red::Redis::watch) and [`Reader::watch`] make it.
/// Reading it neither calls Redis nor waits. The background reader ends when
/// the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Watch {
    last: watch::Receiver<LastRead>,
}

/// The last reading that succeeded, and the last error.
#[derive(Clone, Debug, Default)]
struct LastRead {
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
        background().spawn(go_on(reader, span, every, sender));
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
    /// # Errors
    ///
    /// Returns what [`error`](Self::error) returns then.
    pub async fn next(&mut self) -> Result<Arc<Fleet>, Error> {
        // What reads ends after all who wait, unless it had no thread of its own.
        self.last.changed().await.map_err(|_| Error::no_runtime())?;
        let LastRead { fleet, error } = self.last.borrow_and_update().clone();
        error.map_or(Ok(fleet), Err)
    }
}

/// Reads until the last clone of the watch is dropped.
async fn go_on(reader: Reader, span: Duration, every: Duration, sender: watch::Sender<LastRead>) {
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

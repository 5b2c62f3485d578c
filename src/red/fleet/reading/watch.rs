//! What a fleet has counted, for those who cannot wait.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

use super::{fleet::Fleet, reader::Reader};
use crate::{redis::Error, runtime::background};

/// What a fleet has counted, read again and again; clones share it.
///
/// It is made by [`Redis::watch`](crate::red::fleet::redis::Redis::watch) and
/// [`Reader::watch`]. To look takes no call and no waiting. What reads for it ends
/// when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Watch {
    last: watch::Receiver<LastRead>,
}

#[derive(Clone, Debug, Default)]
struct LastRead {
    fleet: Arc<Fleet>,
    /// Why it is not newer.
    error: Option<Error>,
}

impl Watch {
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

    /// What was read last; before the first time, [nothing](Fleet::default).
    pub fn latest(&self) -> Arc<Fleet> {
        Arc::clone(&self.last.borrow().fleet)
    }

    /// Why the last attempt to read failed; `None` if it did not.
    pub fn error(&self) -> Option<Error> {
        self.last.borrow().error.clone()
    }

    /// Waits for the next attempt to read, and answers what came of it.
    ///
    /// # Errors
    ///
    /// What [`error`](Self::error) says then.
    pub async fn next(&mut self) -> Result<Arc<Fleet>, Error> {
        // What reads ends after all who wait, unless it had no thread of its own.
        self.last.changed().await.map_err(|_| Error::no_runtime())?;
        let LastRead { fleet, error } = self.last.borrow_and_update().clone();
        error.map_or(Ok(fleet), Err)
    }
}

/// Until nobody looks any more.
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

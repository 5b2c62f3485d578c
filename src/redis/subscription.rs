//! Hearing what is published.

use std::{sync::Arc, time::Duration};

use redis::{PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::{sync::mpsc, time::timeout};

use super::{dial::Ear, error::Error};
use crate::sync::{Mutex, lock};

/// How many messages may wait; the one too many ends the subscription.
const WAITING: usize = 1_024;

/// A connection that is silent for so long is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(5);

/// A subscription to one channel, on a connection of its own. RESP3 only.
///
/// It ends with its connection, and is not made anew by itself: whoever listens
/// has to find out what was missed.
pub(crate) struct Subscription {
    connection: MultiplexedConnection,
    heard: mpsc::Receiver<Vec<u8>>,
    patience: Duration,
    /// How many were sent: each brings its number back.
    pings: u64,
}

/// What the connection's reader puts in.
pub(super) struct Mailbox {
    channel: String,
    sender: Mutex<Option<mpsc::Sender<Vec<u8>>>>,
}

impl Mailbox {
    /// Where messages of this channel go in, and where they come out.
    pub(super) fn ends(channel: &str) -> (Ear, mpsc::Receiver<Vec<u8>>) {
        let (sender, heard) = mpsc::channel(WAITING);
        let mailbox = Self {
            channel: channel.to_owned(),
            sender: Mutex::new(Some(sender)),
        };
        (Arc::new(move |push| mailbox.put(push)), heard)
    }

    /// A message of another channel shows that the connection is not to be trusted.
    fn put(&self, push: PushInfo) {
        let mut sender = lock(&self.sender);
        let lost = match (push.kind, <[Value; 2]>::try_from(push.data)) {
            (PushKind::Disconnection, _) => true,
            (PushKind::Message, Ok([Value::BulkString(channel), Value::BulkString(message)]))
                if channel == self.channel.as_bytes() =>
            {
                let sent = sender.as_ref().map(|sender| sender.try_send(message));
                sent.is_some_and(|sent| sent.is_err())
            }
            (kind, _) => kind == PushKind::Message,
        };
        if lost {
            // What waits is still heard; then the receiver is told the end.
            *sender = None;
        }
    }
}

impl Subscription {
    pub(super) async fn begin(
        mut connection: MultiplexedConnection,
        heard: mpsc::Receiver<Vec<u8>>,
        channel: &str,
        server: &str,
        patience: Duration,
    ) -> Result<Self, Error> {
        let subscribed = timeout(patience, connection.subscribe(channel)).await;
        let subscribed = subscribed.map_err(|_| Error::timed_out(server, patience))?;
        subscribed.map_err(|error| Error::lost(server, &error))?;
        Ok(Self {
            connection,
            heard,
            patience,
            pings: 0,
        })
    }

    /// The next message; `None` when the subscription has ended.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let Ok(message) = timeout(SILENCE, self.heard.recv()).await.map_err(drop) else {
                self.ping().await?;
                continue;
            };
            return message;
        }
    }

    /// `None` if no answer of its own comes back. A user may have no right to ask.
    async fn ping(&mut self) -> Option<()> {
        self.pings += 1;
        let sent = self.pings.to_string();
        let mut ping = redis::cmd("PING");
        ping.arg(&sent);
        let answer = self.connection.send_packed_command(&ping);
        match timeout(self.patience, answer).await.ok()?.ok()? {
            Value::BulkString(back) if back == sent.as_bytes() => Some(()),
            Value::ServerError(_) => Some(()),
            _ => None,
        }
    }
}

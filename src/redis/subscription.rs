//! A subscription to a channel. [`listener`](super::listener) keeps one for a
//! store or a registry.
//!
//! Messages arrive as push messages of RESP3. The connection's reader puts them
//! into a queue of bounded length, from which the listener takes them, so that
//! a slow listener cannot hold up the reader.

use std::{sync::Arc, time::Duration};

use redis::{PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::{sync::mpsc, time::timeout};

use super::{connect::PushHandler, error::Error};
use crate::sync::{Mutex, lock};

/// How many messages may wait. One more ends the subscription.
const MAX_QUEUED_MESSAGES: usize = 1_024;

/// After this time without a message, a PING shows whether the connection is
/// alive.
const PING_AFTER: Duration = Duration::from_secs(5);

/// A subscription to one channel, on its own connection. It needs RESP3.
///
/// It ends with its connection and is not renewed. A new subscriber has to find
/// out what it missed.
pub(crate) struct Subscription {
    /// Kept open for the subscription; only PINGs are sent on it.
    connection: MultiplexedConnection,
    /// The messages that were received and not taken yet.
    messages: mpsc::Receiver<Vec<u8>>,
    /// How long a PING may take.
    within: Duration,
    /// PINGs that were sent. Each brings its number back.
    pings: u64,
}

/// The end of the queue at which the connection's reader puts in messages.
pub(super) struct Mailbox {
    /// The name of the channel, which each message repeats.
    channel: String,
    /// `None` once the subscription has ended.
    sender: Mutex<Option<mpsc::Sender<Vec<u8>>>>,
}

impl Mailbox {
    /// Returns the handler that takes messages of this channel, and the queue
    /// from which they are received.
    pub(super) fn channel(name: &str) -> (PushHandler, mpsc::Receiver<Vec<u8>>) {
        let (sender, messages) = mpsc::channel(MAX_QUEUED_MESSAGES);
        let mailbox = Self {
            channel: name.to_owned(),
            sender: Mutex::new(Some(sender)),
        };
        (Arc::new(move |push| mailbox.put(push)), messages)
    }

    /// Takes a push message. Ends the subscription if the queue is full, if the
    /// connection is lost, or if the message is for another channel.
    fn put(&self, push: PushInfo) {
        let mut sender = lock(&self.sender);
        let ended = match (push.kind, <[Value; 2]>::try_from(push.data)) {
            (PushKind::Disconnection, _) => true,
            (PushKind::Message, Ok([Value::BulkString(channel), Value::BulkString(message)]))
                if channel == self.channel.as_bytes() =>
            {
                let sent = sender.as_ref().map(|sender| sender.try_send(message));
                sent.is_some_and(|sent| sent.is_err())
            }
            // A message of another channel: the connection cannot be trusted.
            (kind, _) => kind == PushKind::Message,
        };
        if ended {
            // The queued messages are still received, and then the end.
            *sender = None;
        }
    }
}

impl Subscription {
    /// Subscribes on this connection.
    pub(super) async fn begin(
        mut connection: MultiplexedConnection,
        messages: mpsc::Receiver<Vec<u8>>,
        channel: &str,
        server: &str,
        within: Duration,
    ) -> Result<Self, Error> {
        let subscribed = timeout(within, connection.subscribe(channel)).await;
        let subscribed = subscribed.map_err(|_| Error::timed_out(server, within))?;
        subscribed.map_err(|error| Error::from_client(server, &error))?;
        Ok(Self {
            connection,
            messages,
            within,
            pings: 0,
        })
    }

    /// Returns the next message; `None` when the subscription has ended.
    ///
    /// A silent connection is checked by a PING after five seconds, so that a
    /// lost one is noticed although nothing is published.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let received = timeout(PING_AFTER, self.messages.recv()).await;
            match received {
                Ok(message) => return message,
                Err(_) => self.ping().await?,
            }
        }
    }

    /// Returns `None` if its own reply does not come back. An error of the
    /// server will do, because the user may have no right to PING.
    ///
    /// The number tells its reply from that of an earlier PING that came late.
    async fn ping(&mut self) -> Option<()> {
        self.pings += 1;
        let sent = self.pings.to_string();
        let mut ping = redis::cmd("PING");
        ping.arg(&sent);
        let reply = self.connection.send_packed_command(&ping);
        match timeout(self.within, reply).await.ok()?.ok()? {
            Value::BulkString(back) if back == sent.as_bytes() => Some(()),
            Value::ServerError(_) => Some(()),
            _ => None,
        }
    }
}

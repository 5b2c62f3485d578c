//! Asks sentinels for the primary, and connects to it.
//!
//! Sentinels are asked for each new connection, because the primary may have
//! changed.

use futures_util::{FutureExt, future::select_ok};
use redis::{ConnectionInfo, Pipeline, Value, aio::MultiplexedConnection};
use tokio::time::timeout;

use super::login::{PushHandler, connect, connect_with_credentials};
use crate::redis::{
    address::with_address,
    error::{Error, RedactedError},
    settings::LaneSettings,
    wire::{CallReply, Echo},
};

/// The sentinels, and the primary that they know by name.
#[derive(Clone)]
pub(crate) struct Sentinels {
    /// The sentinels, with their own logins.
    pub(crate) addresses: Vec<ConnectionInfo>,
    /// The name of the primary.
    pub(crate) name: String,
    /// The login at the primary. Its address is replaced by that of the
    /// sentinels.
    pub(crate) primary: ConnectionInfo,
}

impl Sentinels {
    /// Connects to the primary. All sentinels are asked at once, so that one
    /// that hangs costs no time.
    ///
    /// The server is asked for its role, because sentinels may be late to
    /// notice that the primary has changed.
    pub(crate) async fn connect_to_primary(
        &self,
        settings: &LaneSettings,
        handler: PushHandler,
    ) -> Result<MultiplexedConnection, Error> {
        let asked = self
            .addresses
            .iter()
            .map(|address| self.ask(address, settings).boxed());
        let (primary, _) = select_ok(asked).await?;
        let mut connection = connect_with_credentials(&primary, settings, handler).await?;
        let server = primary.addr().to_string();
        let echo = Echo(settings.numbers.next());
        let mut pair = redis::pipe();
        pair.cmd("ROLE").add_command(echo.command());
        let (role, echoed) = replies(&mut connection, &server, &pair, settings).await?;
        if let CallReply::Mismatched = echo.read(echoed) {
            return Err(Error::mixed_up(&server));
        }
        // The sentinels may name a former primary. If the user has no right to
        // ROLE, the first write will show it.
        match role {
            Value::Array(role) if text(role.first()).is_some_and(|role| role != "master") => {
                let reason = "the sentinels name it as the primary, but it is a replica";
                Err(Error::unreachable(&server, reason))
            }
            _ => Ok(connection),
        }
    }

    /// Asks one sentinel for the address of the primary.
    async fn ask(
        &self,
        sentinel: &ConnectionInfo,
        settings: &LaneSettings,
    ) -> Result<ConnectionInfo, Error> {
        let server = sentinel.addr().to_string();
        let mut connection = connect(sentinel, settings, None).await?;
        let mut pair = redis::pipe();
        pair.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME");
        pair.arg(&self.name).cmd("PING");
        let (reply, pong) = replies(&mut connection, &server, &pair, settings).await?;
        // A sentinel runs no scripts, so a PING takes the place of an echo. The
        // user may have no right to it.
        if !matches!(&pong, Value::SimpleString(pong) if pong == "PONG")
            && !matches!(pong, Value::ServerError(_))
        {
            return Err(Error::mixed_up(&server));
        }
        self.read_address(&server, &reply)
    }

    /// Reads the reply to `SENTINEL GET-MASTER-ADDR-BY-NAME`.
    fn read_address(&self, sentinel: &str, reply: &Value) -> Result<ConnectionInfo, Error> {
        match reply {
            Value::ServerError(error) => Err(Error::refused(sentinel, RedactedError::of(error))),
            Value::Nil => {
                let name = format_args!("{:?}", self.name);
                let allowed = format!("the name of a primary that sentinel {sentinel} watches");
                Err(Error::config("primary", name, allowed))
            }
            Value::Array(address) => self
                .primary_at(address)
                .ok_or_else(|| Error::reply("the host and port of the primary")),
            _ => Err(Error::reply("the address of the primary")),
        }
    }

    /// Returns the address of the primary, with its login.
    fn primary_at(&self, address: &[Value]) -> Option<ConnectionInfo> {
        let port = text(address.get(1))?.parse().ok()?;
        Some(with_address(&self.primary, text(address.first())?, port))
    }
}

/// Returns the replies to two commands. The second reply shows that the first
/// one belongs to its command.
///
/// They have the time of an attempt to connect: no call uses the connection
/// yet, but all callers wait for this attempt.
async fn replies(
    connection: &mut MultiplexedConnection,
    server: &str,
    pair: &Pipeline,
    settings: &LaneSettings,
) -> Result<(Value, Value), Error> {
    let within = settings.connect_timeout();
    let replies = timeout(within, connection.send_packed_commands(pair, 0, 2)).await;
    let replies = replies.map_err(|_| {
        let reason = format_args!("no answer within {within:?}");
        Error::unreachable(server, reason)
    })?;
    let mut replies = replies
        .map_err(|error| Error::from_client(server, &error))?
        .into_iter();
    let pair = replies.next().zip(replies.next());
    pair.ok_or_else(|| Error::mixed_up(server))
}

/// Returns the text of a bulk string.
fn text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::BulkString(bytes)) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

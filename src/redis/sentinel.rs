//! Asking sentinels who the primary is.

use futures_util::{FutureExt, future::select_ok};
use redis::{Cmd, ConnectionInfo, Value, aio::MultiplexedConnection};
use tokio::time::timeout;

use super::{
    dial::{Ear, dial},
    error::Error,
    server::elsewhere,
    settings::Settings,
};

pub(super) struct Sentinels {
    pub(super) addresses: Vec<ConnectionInfo>,
    pub(super) name: String,
    /// How to log in at the primary; its place is what the sentinels say.
    pub(super) primary: ConnectionInfo,
}

impl Sentinels {
    /// All are asked at once, so that one that hangs costs nothing.
    pub(super) async fn dial(
        &self,
        settings: &Settings,
        ear: Ear,
    ) -> Result<MultiplexedConnection, Error> {
        let asked = self
            .addresses
            .iter()
            .map(|at| self.ask(at, settings).boxed());
        let (primary, _) = select_ok(asked).await?;
        let mut connection = dial(&primary, settings, Some(ear)).await?;
        let server = primary.addr().to_string();
        let role = redis::cmd("ROLE");
        let role = answer(&mut connection, &server, &role, settings).await?;
        // A primary of yesterday. A user may have no right to ask; the first
        // write will tell.
        match role {
            Value::Array(role) if text(role.first()).is_some_and(|role| role != "master") => {
                let why = "the sentinels name it as the primary, which it is not";
                Err(Error::unreachable(&server, why))
            }
            _ => Ok(connection),
        }
    }

    async fn ask(
        &self,
        sentinel: &ConnectionInfo,
        settings: &Settings,
    ) -> Result<ConnectionInfo, Error> {
        let server = sentinel.addr().to_string();
        let mut connection = dial(sentinel, settings, None).await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        let said = answer(&mut connection, &server, &question, settings).await?;
        let said = said.extract_error();
        match said.map_err(|error| Error::of_call(&server, error))? {
            Value::Nil => {
                let allowed = format!("a name of a primary that sentinel {server} watches");
                Err(Error::config(
                    "primary",
                    format_args!("{:?}", self.name),
                    allowed,
                ))
            }
            Value::Array(place) => self
                .at(&place)
                .ok_or_else(|| Error::reply("a primary without an address")),
            other => Err(Error::reply(format_args!("{other:?} for a primary"))),
        }
    }

    fn at(&self, place: &[Value]) -> Option<ConnectionInfo> {
        let port = text(place.get(1))?.parse().ok()?;
        Some(elsewhere(&self.primary, text(place.first())?, port))
    }
}

/// Within the bound for connecting: nobody else's is around it, and who stalls
/// now would hold up the one attempt that all share.
async fn answer(
    connection: &mut MultiplexedConnection,
    server: &str,
    question: &Cmd,
    settings: &Settings,
) -> Result<Value, Error> {
    let patience = settings.patience();
    let answer = timeout(patience, connection.send_packed_command(question)).await;
    let answer = answer.map_err(|_| {
        let why = format_args!("no answer within {patience:?}");
        Error::unreachable(server, why)
    })?;
    answer.map_err(|error| Error::of_call(server, error))
}

fn text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::BulkString(bytes)) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

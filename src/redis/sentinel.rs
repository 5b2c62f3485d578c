//! Asking sentinels who the primary is.

use futures_util::{FutureExt, future::select_ok};
use redis::{ConnectionInfo, Pipeline, Value, aio::MultiplexedConnection};
use tokio::time::timeout;

use super::{
    call::{Answer, Proof},
    dial::{Ear, dial, log_in},
    error::Error,
    said::Said,
    server::elsewhere,
    settings::Settings,
};

#[derive(Clone)]
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
        let mut connection = log_in(&primary, settings, ear).await?;
        let server = primary.addr().to_string();
        let proof = Proof(settings.numbers.next());
        let mut both = redis::pipe();
        both.cmd("ROLE").add_command(proof.question());
        let (role, proven) = answers(&mut connection, &server, &both, settings).await?;
        if let Answer::Foreign = proof.read(proven) {
            return Err(Error::mixed_up(&server));
        }
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
        let mut both = redis::pipe();
        both.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME");
        both.arg(&self.name).cmd("PING");
        let (said, pong) = answers(&mut connection, &server, &both, settings).await?;
        // A sentinel runs no scripts. It may deny the user a PING.
        if !matches!(&pong, Value::SimpleString(pong) if pong == "PONG")
            && !matches!(pong, Value::ServerError(_))
        {
            return Err(Error::mixed_up(&server));
        }
        match said {
            Value::ServerError(error) => Err(Error::refused(&server, Said::of(&error))),
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
            _ => Err(Error::reply("no address for a primary")),
        }
    }

    fn at(&self, place: &[Value]) -> Option<ConnectionInfo> {
        let port = text(place.get(1))?.parse().ok()?;
        Some(elsewhere(&self.primary, text(place.first())?, port))
    }
}

/// The answer to a question, and that to another right behind it, which shows that
/// the first is the question's own.
///
/// Within the bound for connecting: nobody else's is around it, and who stalls
/// now would hold up the one attempt that all share.
async fn answers(
    connection: &mut MultiplexedConnection,
    server: &str,
    both: &Pipeline,
    settings: &Settings,
) -> Result<(Value, Value), Error> {
    let patience = settings.patience();
    let answers = timeout(patience, connection.send_packed_commands(both, 0, 2)).await;
    let answers = answers.map_err(|_| {
        let why = format_args!("no answer within {patience:?}");
        Error::unreachable(server, why)
    })?;
    let mut answers = answers
        .map_err(|error| Error::lost(server, &error))?
        .into_iter();
    let both = answers.next().zip(answers.next());
    both.ok_or_else(|| Error::mixed_up(server))
}

fn text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::BulkString(bytes)) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

//! Making a connection, and telling well why there is none.

use std::{convert::Infallible, fmt::Display, sync::Arc};

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, ProtocolVersion,
    PushInfo, RedisError, aio::MultiplexedConnection,
};
use tokio::time::timeout;

use super::{error::Error, lost, said::Said, settings::Settings};

/// Hears what the server says unasked, and, whether or not a call is under way,
/// that the connection is lost.
pub(super) type Ear = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// With the credentials of the provider, if there is one.
pub(super) async fn log_in(
    info: &ConnectionInfo,
    settings: &Settings,
    ear: Ear,
) -> Result<MultiplexedConnection, Error> {
    match &settings.provider {
        Some(provider) => {
            let info = provider.login(info, settings).await?;
            dial(&info, settings, Some(ear)).await
        }
        None => dial(info, settings, Some(ear)).await,
    }
}

/// With those of the address.
pub(super) async fn dial(
    info: &ConnectionInfo,
    settings: &Settings,
    ear: Option<Ear>,
) -> Result<MultiplexedConnection, Error> {
    // The bounds are ours: here, and around each call.
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    if info.redis_settings().protocol() != ProtocolVersion::RESP2
        && let Some(ear) = ear
    {
        config = config.set_push_sender(move |push: PushInfo| {
            ear(push);
            Ok::<(), Infallible>(())
        });
    }
    let client = Client::open(info.clone()).map_err(|error| refused(info, &error))?;
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    let patience = settings.patience();
    let connection = timeout(patience, connection).await.map_err(|_| {
        // A server without TLS waits for more of what is no command to it.
        let hint = match info.addr() {
            ConnectionAddr::TcpTls { .. } => "; does it speak TLS?",
            _ => "",
        };
        let why = format_args!("no connection within {patience:?}{hint}");
        Error::unreachable(&info.addr().to_string(), why)
    })?;
    let connection = connection.map_err(|error| refused(info, &error))?;
    settings.counters.connects.add();
    Ok(connection)
}

/// What it is that the server refused, by the name that it has in an address.
fn refused(info: &ConnectionInfo, error: &RedisError) -> Error {
    let server = info.addr().to_string();
    let said = Said::within(error);
    let is_database = error.to_string().contains("switch database");
    match said {
        Some(said) if is_database => {
            let allowed = format!("a database that {server} has: {said}");
            Error::config("database", info.redis_settings().db(), allowed)
        }
        Some(said) if said.is_denied() => denied(info.addr(), user(info), said),
        None if error.kind() == ErrorKind::AuthenticationFailed => {
            denied(info.addr(), user(info), lost::why(error))
        }
        None if lost::is_invalid_data(error) => {
            let why = lost::why(error);
            let allowed =
                format!("a server with TLS and a trusted certificate of this name ({why})");
            Error::config("url", format_args!("rediss://{server}"), allowed)
        }
        None => Error::unreachable(&server, lost::why(error)),
        Some(said) => Error::unreachable(&server, said),
    }
}

/// The user may not log in, or do what has to be done.
pub(super) fn denied(server: &ConnectionAddr, user: &str, why: impl Display) -> Error {
    let allowed = format!(
        "a user of {server} with the right password, and with rights to scripts, to their \
         commands and to the keys ({why})"
    );
    Error::config("user", format_args!("{user:?}"), allowed)
}

/// Who logs in there.
pub(super) fn user(info: &ConnectionInfo) -> &str {
    info.redis_settings().username().unwrap_or("default")
}

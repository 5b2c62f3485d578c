//! Opens a connection and logs in, and explains a failure. The nodes and the
//! sentinels connect by it.
//!
//! The first reply of a server may show that a setting is wrong: the password,
//! the database, the certificate. Such errors have the kind `Config` and name
//! the setting; all others are `Unreachable`.

use std::{convert::Infallible, fmt::Display, sync::Arc};

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, ProtocolVersion,
    PushInfo, RedisError, aio::MultiplexedConnection,
};
use tokio::time::timeout;

use crate::redis::{
    error::{Error, RedactedError, is_invalid_data, reason},
    settings::LaneSettings,
    stats::LaneEvent,
};

/// Handles push messages of a server. It also learns that the connection is
/// lost, whether or not a call is under way.
pub(crate) type PushHandler = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// Connects with the credentials of the provider, if there is one.
pub(crate) async fn connect_with_credentials(
    info: &ConnectionInfo,
    settings: &LaneSettings,
    handler: PushHandler,
) -> Result<MultiplexedConnection, Error> {
    match &settings.config.provider {
        Some(provider) => {
            let info = provider.add_login(info, settings.connect_timeout()).await?;
            connect(&info, settings, Some(handler)).await
        }
        None => connect(info, settings, Some(handler)).await,
    }
}

/// Connects with the credentials of the address.
///
/// Besides the address and the login, it needs the lane's counters, which count
/// the connections.
pub(crate) async fn connect(
    info: &ConnectionInfo,
    settings: &LaneSettings,
    handler: Option<PushHandler>,
) -> Result<MultiplexedConnection, Error> {
    let client = Client::open(info.clone()).map_err(|error| explain(info, &error))?;
    let config = config(info, handler);
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let within = settings.connect_timeout();
    let connection = timeout(within, connecting).await.map_err(|_| {
        // A server without TLS waits for the rest of a command that never ends.
        let hint = match info.addr() {
            ConnectionAddr::TcpTls { .. } => "; does it speak TLS?",
            _ => "",
        };
        let reason = format_args!("no connection within {within:?}{hint}");
        Error::unreachable(&info.addr().to_string(), reason)
    })?;
    let connection = connection.map_err(|error| explain(info, &error))?;
    settings.counters.count(LaneEvent::Connected);
    Ok(connection)
}

/// Returns the configuration of redis-rs. Push messages need RESP3.
fn config(info: &ConnectionInfo, handler: Option<PushHandler>) -> AsyncConnectionConfig {
    // This crate has its own timeouts: for connecting, and around each call.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    match handler {
        Some(handler) if info.redis_settings().protocol() != ProtocolVersion::RESP2 => config
            .set_push_sender(move |push: PushInfo| {
                handler(push);
                Ok::<(), Infallible>(())
            }),
        _ => config,
    }
}

/// Turns an error of the login into one that names the setting to change.
fn explain(info: &ConnectionInfo, error: &RedisError) -> Error {
    let server = info.addr().to_string();
    let server_error = RedactedError::within(error);
    let is_database = error.to_string().contains("switch database");
    match server_error {
        Some(error) if is_database => {
            let allowed = format!("a database of {server}: {error}");
            Error::config("database", info.redis_settings().db(), allowed)
        }
        Some(error) if error.is_denied() => denied(info.addr(), user(info), error),
        None if error.kind() == ErrorKind::AuthenticationFailed => {
            denied(info.addr(), user(info), reason(error))
        }
        None if is_invalid_data(error) => {
            let allowed = format!(
                "a server with TLS and a trusted certificate of this name ({})",
                reason(error)
            );
            Error::config("url", format_args!("rediss://{server}"), allowed)
        }
        None => Error::unreachable(&server, reason(error)),
        Some(error) => Error::unreachable(&server, error),
    }
}

/// Returns the error for a user that may not log in, or lacks a right.
pub(crate) fn denied(server: &ConnectionAddr, user: &str, reason: impl Display) -> Error {
    let allowed = format!(
        "a user of {server} with the right password, and with rights to scripts, to their \
         commands and to the keys ({reason})"
    );
    Error::config("user", format_args!("{user:?}"), allowed)
}

/// Returns the name of the user in an address.
pub(crate) fn user(info: &ConnectionInfo) -> &str {
    info.redis_settings().username().unwrap_or("default")
}

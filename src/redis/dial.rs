//! Making a connection, and telling well why there is none.

use std::{convert::Infallible, error::Error as _, io, sync::Arc};

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, ProtocolVersion,
    PushInfo, RedisError, aio::MultiplexedConnection,
};
use tokio::time::timeout;

use super::{
    error::{Error, code_of},
    settings::Settings,
};

/// Hears what the server says unasked, and, whether or not a call is under way,
/// that the connection is lost.
pub(super) type Ear = Arc<dyn Fn(PushInfo) + Send + Sync>;

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
    let client = Client::open(info.clone()).map_err(|error| refused(info, error))?;
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
    let connection = connection.map_err(|error| refused(info, error))?;
    settings.counters.connects.add();
    Ok(connection)
}

/// What it is that the server refused, by the name that it has in an address.
pub(super) fn refused(info: &ConnectionInfo, error: RedisError) -> Error {
    let server = info.addr().to_string();
    let login = info.redis_settings();
    let why = without_password(info, &error);
    if error.kind() == ErrorKind::AuthenticationFailed || is_denied(&error) {
        let user = login.username().unwrap_or("default");
        let allowed = format!("a user of {server} with the right password and rights ({why})");
        return Error::config("user", format_args!("{user:?}"), allowed);
    }
    if why.contains("switch database") {
        let allowed = format!("a database that {server} has ({why})");
        return Error::config("database", login.db(), allowed);
    }
    if is_invalid_data(&error) {
        let allowed = format!("a server with TLS and a trusted certificate of this name ({why})");
        return Error::config("url", format_args!("rediss://{server}"), allowed);
    }
    let unreachable = Error::unreachable(&server, &why);
    match why == error.to_string() {
        true => unreachable.because(error),
        false => unreachable,
    }
}

/// Servers that lack a command repeat its arguments, as far as 128 bytes go, and
/// those of AUTH and HELLO are secret.
fn without_password(info: &ConnectionInfo, error: &RedisError) -> String {
    let mut text = error.to_string();
    if let Some(end) = text.find("with args beginning with") {
        text.truncate(end);
        text.truncate(text.trim_end_matches([',', ' ']).len());
    }
    match info.redis_settings().password() {
        Some(secret) if text.contains(secret) => error.category().to_owned(),
        _ => text,
    }
}

/// Whether the server knows the caller too little for a call.
pub(super) fn is_denied(error: &RedisError) -> bool {
    matches!(code_of(error), Some("NOAUTH" | "NOPERM" | "WRONGPASS"))
}

/// What rustls makes of a server without TLS, and of a wrong certificate.
fn is_invalid_data(error: &RedisError) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return io.kind() == io::ErrorKind::InvalidData;
        }
        // redis-rs keeps it behind a pointer, which is what its source is.
        if let Some(io) = inner.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()
            && let Some(io) = io.downcast_ref::<io::Error>()
        {
            return io.kind() == io::ErrorKind::InvalidData;
        }
        source = inner.source();
    }
    false
}

//! Why a connection was lost, or not made, in words of our own: what the client
//! library says may repeat what the server said.

use std::{error::Error as _, io, sync::Arc};

use redis::{ErrorKind, RedisError};

pub(super) fn why(error: &RedisError) -> String {
    if let Some(io) = io_error(error) {
        return words(io);
    }
    let why = match error.kind() {
        ErrorKind::Io => "the connection was closed",
        ErrorKind::Parse => "an answer cannot be read",
        ErrorKind::AuthenticationFailed => "the login failed",
        ErrorKind::RESP3NotSupported => "the server does not speak RESP3; try ?protocol=2",
        _ => "the connection cannot be used",
    };
    why.to_owned()
}

/// What the operating system says, which knows nothing of servers, or else only
/// the kind of it.
fn words(error: &io::Error) -> String {
    if let Some(code) = error.raw_os_error() {
        return io::Error::from_raw_os_error(code).to_string();
    }
    match error.kind() {
        io::ErrorKind::InvalidData => tls(error).to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        // The kind of a name that was not resolved has no name yet.
        kind if kind.to_string() == "uncategorized error" => {
            "the name of the host cannot be resolved".to_owned()
        }
        kind => kind.to_string(),
    }
}

/// What rustls makes of a server without TLS, and of a wrong certificate.
pub(super) fn is_invalid_data(error: &RedisError) -> bool {
    io_error(error).is_some_and(|io| io.kind() == io::ErrorKind::InvalidData)
}

fn io_error(error: &RedisError) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Some(io);
        }
        // redis-rs keeps it behind a pointer, which is what its source is.
        if let Some(io) = inner.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()
            && let Some(io) = io.downcast_ref::<io::Error>()
        {
            return Some(io);
        }
        source = inner.source();
    }
    None
}

#[cfg(feature = "redis-tls")]
fn tls(error: &io::Error) -> &'static str {
    use rustls::{CertificateError, Error};
    let error = error.get_ref().and_then(|inner| inner.downcast_ref());
    match error {
        Some(Error::InvalidCertificate(why)) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet"
            }
            CertificateError::UnknownIssuer => "the authority is not known",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            CertificateError::Revoked => "the certificate was revoked",
            _ => "the certificate is not valid",
        },
        Some(Error::AlertReceived(_)) => "the server refused the handshake",
        _ => "the server does not speak TLS as it should",
    }
}

#[cfg(not(feature = "redis-tls"))]
fn tls(_: &io::Error) -> &'static str {
    "an answer cannot be read"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_quoted() {
        for error in [
            RedisError::from(io::Error::other("hunter2")),
            RedisError::from(io::Error::new(io::ErrorKind::InvalidData, "hunter2")),
            RedisError::from((ErrorKind::Client, "no", "hunter2".to_owned())),
            RedisError::from((ErrorKind::Parse, "no", "hunter2".to_owned())),
        ] {
            let why = why(&error);
            assert!(!why.contains("hunter2") && why.len() > 5, "{why}");
        }
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(
            why(&refused.into()),
            io::Error::from_raw_os_error(111).to_string()
        );
    }
}

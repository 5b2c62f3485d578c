//! Reasons why a connection was lost or not made, in words of this crate,
//! because the client library's text may repeat the server's.
//!
//! Only the kind of an error and texts of the operating system are used. A
//! login that failed, for example, may make the server repeat the password.

use std::{error::Error as _, io, sync::Arc};

use redis::{ErrorKind, RedisError};

/// Returns the reason for an error of the client library. It quotes nothing.
pub(crate) fn reason(error: &RedisError) -> String {
    if let Some(io) = io_error(error) {
        return io_reason(io);
    }
    let reason = match error.kind() {
        ErrorKind::Io => "the connection was closed",
        ErrorKind::Parse => "a reply cannot be parsed",
        ErrorKind::AuthenticationFailed => "the login failed",
        ErrorKind::RESP3NotSupported => "the server does not speak RESP3; try ?protocol=2",
        _ => "the connection cannot be used",
    };
    reason.to_owned()
}

/// Returns the text of the operating system, which knows no secrets, or that of
/// the error's kind.
fn io_reason(error: &io::Error) -> String {
    if let Some(code) = error.raw_os_error() {
        return io::Error::from_raw_os_error(code).to_string();
    }
    match error.kind() {
        io::ErrorKind::InvalidData => tls_reason(error).to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        // The standard library has no public kind for an unresolved name.
        kind if kind.to_string() == "uncategorized error" => {
            "the name of the host cannot be resolved".to_owned()
        }
        kind => kind.to_string(),
    }
}

/// Whether rustls rejected what the server sent: no TLS, or a wrong
/// certificate.
pub(crate) fn is_invalid_data(error: &RedisError) -> bool {
    io_error(error).is_some_and(|io| io.kind() == io::ErrorKind::InvalidData)
}

/// Finds the I/O error in the sources of an error.
///
/// redis-rs has no accessor for it.
fn io_error(error: &RedisError) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Some(io);
        }
        // redis-rs wraps it in an `Arc`, which is the source itself.
        if let Some(io) = inner.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()
            && let Some(io) = io.downcast_ref::<io::Error>()
        {
            return Some(io);
        }
        source = inner.source();
    }
    None
}

/// Explains an error of rustls by its kind.
#[cfg(feature = "redis-tls")]
fn tls_reason(error: &io::Error) -> &'static str {
    use rustls::{CertificateError, Error};
    let error = error.get_ref().and_then(|inner| inner.downcast_ref());
    match error {
        Some(Error::InvalidCertificate(reason)) => match reason {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet"
            }
            CertificateError::UnknownIssuer => "the certificate is from an unknown authority",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            CertificateError::Revoked => "the certificate was revoked",
            _ => "the certificate is not valid",
        },
        Some(Error::AlertReceived(_)) => "the server refused the handshake",
        _ => "the server does not speak TLS correctly",
    }
}

/// Without TLS, invalid data can only be a reply.
#[cfg(not(feature = "redis-tls"))]
fn tls_reason(_: &io::Error) -> &'static str {
    "a reply cannot be parsed"
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
            let reason = reason(&error);
            assert!(!reason.contains("hunter2") && reason.len() > 5, "{reason}");
        }
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(
            reason(&refused.into()),
            io::Error::from_raw_os_error(111).to_string()
        );
    }
}

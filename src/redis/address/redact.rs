//! Addresses without their secrets, as errors and `Debug` show them.
//!
//! The application may have put a password into the wrong place of an address,
//! so everything is dropped that could be one.

/// Returns an address without its secrets, even if it is malformed. User and
/// password stand before the last `@`, and in the query.
///
/// It returns too little rather than too much: of `user:secret` without a host,
/// only `user` is left.
pub(crate) fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = match rest.split_once('?') {
        // The path of a socket ends where the query begins.
        Some((path, _)) if scheme.ends_with("unix") => path,
        // The `?` may be part of a password, so the rest is dropped.
        Some((_, query)) if query.contains('@') => "",
        _ => rest,
    };
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let authority = authority
        .split(['?', '#', ',', ' '])
        .next()
        .unwrap_or_default();
    let authority = match scheme.ends_with("unix") {
        true => authority,
        false => without_bad_port(authority),
    };
    match scheme {
        "" => authority.to_owned(),
        scheme => format!("{}://{authority}", redacted(scheme)),
    }
}

/// Drops a port that is not a number: it may be a password without a host.
fn without_bad_port(authority: &str) -> &str {
    let end = authority.find('/').unwrap_or(authority.len());
    let (host, port) = authority[..end].rsplit_once(':').unwrap_or((authority, ""));
    match port.bytes().all(|it| it.is_ascii_digit()) || authority.starts_with('[') {
        true => authority,
        false => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::{
        Server,
        address::{Tls, address},
    };

    #[test]
    fn no_form_of_an_address_shows_its_password() {
        for url in [
            "redis://user:hunter2@localhost:6379/3",
            "redis:/user:hunter2@localhost:6379/3",
            "user:hunter2@localhost",
            "redis://user:1@hunter2@localhost",
            "redis://user:1#hunter2@localhost",
            "redis://user:1/hunter2@localhost",
            "unix:///run/redis.sock?pass=hunter2",
            "unix:///run/redis.sock?user=u&pass=x@hunter2",
            "unix:/run/redis.sock?user=u&pass=x@hunter2",
            "redis+unix:///run/redis.sock?pass=x@hunter2",
            "redis://localhost?pass=x@hunter2",
            "redis://user:x?hunter2@localhost",
            "localhost:6379,password=hunter2",
            "redis://user:hunter2",
            "redis://user:hunter2/3",
            "user:hunter2",
            "redis://localhost?hunter2=1&x=@",
            "redis://localhost?Hunter2=hunter2",
        ] {
            assert!(!redacted(url).contains("hunter2"), "{}", redacted(url));
            let server = Server::sentinel([url], url);
            assert!(!format!("{server:?}").contains("hunter2"), "{server:?}");
            if let Err(error) = address(url, &Tls::default()) {
                assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
            }
        }
        assert_eq!(redacted("redis://u:p@h:1/3"), "redis://h:1/3");
        assert_eq!(
            redacted("unix:///run/a.sock?pass=x@y"),
            "unix:///run/a.sock"
        );
    }
}

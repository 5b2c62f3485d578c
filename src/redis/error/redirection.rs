//! The redirections of a cluster: `MOVED` and `ASK`.
//!
//! A cluster's node replies with one of them if it does not have the keys of a
//! call.

/// A reply that names another node for the keys. The call did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirection {
    /// Whether it holds for this call only, because the slot is moving (`ASK`).
    pub(crate) asking: bool,
    /// The slot of the keys.
    pub(crate) slot: u16,
    /// Empty for the host that sent the redirection.
    pub(crate) host: String,
    /// The port of the node.
    pub(crate) port: u16,
}

impl Redirection {
    /// Reads the redirection of a server's error; `None` if it is not one.
    pub(crate) fn read(code: &str, details: &str) -> Option<Self> {
        let asking = match code {
            "ASK" => true,
            "MOVED" => false,
            _ => return None,
        };
        let (slot, address) = details.split_once(' ')?;
        let slot = slot.parse().ok()?;
        // IPv6 addresses have colons, too, and no brackets here.
        let (host, port) = address.rsplit_once(':')?;
        Some(Self {
            asking,
            slot,
            host: host.to_owned(),
            port: port.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::error::{Error, RedactedError};

    fn of(reply: &str) -> Option<Redirection> {
        match redis::parse_redis_value(reply.as_bytes()) {
            Ok(redis::Value::ServerError(error)) => {
                let error = Error::refused("localhost:1", RedactedError::of(&error));
                error.redirection().cloned()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_moved_and_ask() {
        let moved = of("-MOVED 3999 127.0.0.1:6381\r\n").unwrap();
        assert_eq!((moved.asking, moved.slot, moved.port), (false, 3999, 6381));
        assert_eq!(moved.host, "127.0.0.1");
        let ask = of("-ASK 1 fe80::1:6381\r\n").unwrap();
        assert_eq!((ask.asking, ask.host.as_str()), (true, "fe80::1"));
        assert_eq!(of("-MOVED 1 :6381\r\n").unwrap().host, "");
        assert_eq!(of("-MOVED 1\r\n"), None);
        assert_eq!(of("-ERR MOVED 1 a:1\r\n"), None);
        assert_eq!(of("-ERR Error running script: -MOVED 1 a:1\r\n"), None);
    }
}

//! Where a cluster's node says that a key is.

use super::error::Error;

/// The answer instead of an answer. Nothing ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirection {
    /// Only for this call: the slot is on its way from one node to another.
    pub(super) asking: bool,
    pub(super) slot: u16,
    /// Empty if it is the host that said so.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Redirection {
    /// Whether the error is one.
    pub(super) fn of(error: &Error) -> Option<&Self> {
        error.unrun()?.redirection.as_ref()
    }

    /// That of a server's error with this code and these details.
    pub(super) fn read(code: &str, details: &str) -> Option<Self> {
        let asking = match code {
            "ASK" => true,
            "MOVED" => false,
            _ => return None,
        };
        let (slot, place) = details.split_once(' ')?;
        let slot = slot.parse().ok()?;
        // IPv6 addresses have colons, too, and no brackets here.
        let (host, port) = place.rsplit_once(':')?;
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
    use crate::redis::said::Said;

    fn of(reply: &str) -> Option<Redirection> {
        match redis::parse_redis_value(reply.as_bytes()) {
            Ok(redis::Value::ServerError(error)) => {
                Redirection::of(&Error::refused("localhost:1", Said::of(&error))).cloned()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_what_nodes_say() {
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

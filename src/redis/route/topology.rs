//! The topology of a cluster, as `CLUSTER SLOTS` returns it.
//!
//! Only the primaries are of interest, because all calls write. Replicas take
//! part once `CLUSTER SLOTS` lists them as primaries.

use redis::Value;

use crate::redis::error::Error;

/// A range of slots, and the primary that has them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SlotRange {
    /// The first slot of the range.
    pub(super) first: u16,
    /// The last slot of the range, included.
    pub(super) last: u16,
    /// The host of the primary.
    pub(super) host: String,
    /// The port of the primary.
    pub(super) port: u16,
}

/// Parses the reply of the node on this host.
pub(super) fn parse(reply: &Value, replying_host: &str) -> Result<Vec<SlotRange>, Error> {
    let Value::Array(ranges) = reply else {
        return Err(Error::reply("an array of slots"));
    };
    let ranges: Option<Vec<_>> = ranges.iter().map(|it| range(it, replying_host)).collect();
    ranges.ok_or_else(|| Error::reply("slots with a primary each"))
}

/// Parses one range: its slots, its primary and its replicas.
fn range(value: &Value, replying_host: &str) -> Option<SlotRange> {
    let [first, last, primary, ..] = value.as_sequence()? else {
        return None;
    };
    let [host, port, ..] = primary.as_sequence()? else {
        return None;
    };
    Some(SlotRange {
        first: number(first)?,
        last: number(last)?,
        host: host_or(host, replying_host)?,
        port: number(port)?,
    })
}

/// A node that does not know its own name leaves it out.
fn host_or(value: &Value, replying_host: &str) -> Option<String> {
    match value {
        Value::Nil => Some(replying_host.to_owned()),
        Value::BulkString(host) if host.is_empty() || host == b"?" => {
            Some(replying_host.to_owned())
        }
        Value::BulkString(host) => String::from_utf8(host.clone()).ok(),
        _ => None,
    }
}

/// Returns a slot or a port.
fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(reply: &str) -> Result<Vec<SlotRange>, Error> {
        parse(&redis::parse_redis_value(reply.as_bytes()).unwrap(), "here")
    }

    #[test]
    fn reads_ranges_with_their_primaries() {
        let ranges = slots(
            "*2\r\n*3\r\n:0\r\n:99\r\n*2\r\n$1\r\na\r\n:1\r\n\
             *4\r\n:100\r\n:16383\r\n*3\r\n$0\r\n\r\n:2\r\n$2\r\nid\r\n*2\r\n$1\r\nr\r\n:3\r\n",
        )
        .unwrap();
        let [a, b] = &ranges[..] else {
            panic!("{ranges:?}")
        };
        assert_eq!((a.first, a.last, a.host.as_str(), a.port), (0, 99, "a", 1));
        assert_eq!(
            (b.first, b.last, b.host.as_str(), b.port),
            (100, 16_383, "here", 2)
        );
    }

    #[test]
    fn rejects_other_replies() {
        for reply in [
            "+OK\r\n",
            "*1\r\n:1\r\n",
            "*1\r\n*3\r\n:0\r\n:70000\r\n*0\r\n",
        ] {
            assert!(slots(reply).is_err(), "{reply}");
        }
    }
}

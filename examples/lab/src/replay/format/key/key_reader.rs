//! Makes the key of a request from a value of its line. All parsers use it.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{super::fields::Fields, client::Clients, key_spec::KeySpec};

/// The longest key that is kept as it is. Clients choose headers and paths, and
/// memory is bounded by the number of keys.
const MAX_KEY_BYTES: usize = 256;

/// The part of a longer key that is kept, before its hash.
const KEPT_BYTES: usize = 128;

/// Makes keys.
#[derive(Debug)]
pub(in crate::replay::format) struct KeyReader {
    spec: KeySpec,
    clients: Clients,
}

impl KeyReader {
    pub(in crate::replay::format) fn new(fields: &Fields) -> Self {
        Self {
            spec: fields.key.clone(),
            clients: Clients::new(fields.ipv6_prefix),
        }
    }

    /// Returns the part of a request that is the key.
    pub(in crate::replay::format) fn spec(&self) -> &KeySpec {
        &self.spec
    }

    /// Returns the key for a value of the log; `None` if the value is empty or
    /// the dash that logs write instead of one.
    #[inline]
    pub(in crate::replay::format) fn read<'a>(
        &mut self,
        value: Cow<'a, [u8]>,
    ) -> Option<Cow<'a, [u8]>> {
        let is_forwarded = self.spec.is_forwarded();
        let value = match is_forwarded {
            true => last_entry(value),
            false => value,
        };
        if value.is_empty() || *value == *b"-" {
            return None;
        }
        let key = match self.spec {
            KeySpec::Path => path(value),
            KeySpec::Ip => self.clients.key(value),
            _ if is_forwarded => self.clients.key(value),
            _ => value,
        };
        (!key.is_empty()).then(|| short(key))
    }
}

/// Returns the last entry of a forwarded list, which the nearest proxy added. A
/// client can choose all entries before it.
fn last_entry(value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let start = memchr::memrchr(b',', &value).map_or(0, |comma| comma + 1);
    match value {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes[start..].trim_ascii()),
        Cow::Owned(bytes) => Cow::Owned(bytes[start..].trim_ascii().to_vec()),
    }
}

/// Returns the path of a target such as `/search?q=1` or `http://host/search?q=1`.
fn path(value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match value {
        Cow::Borrowed(bytes) => Cow::Borrowed(path_of(bytes)),
        Cow::Owned(bytes) => Cow::Owned(path_of(&bytes).to_vec()),
    }
}

fn path_of(target: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len());
    let target = &target[..end];
    let authority = ["http://", "https://"]
        .iter()
        .find_map(|scheme| target.strip_prefix(scheme.as_bytes()));
    match authority {
        None => target,
        Some(rest) => memchr::memchr(b'/', rest).map_or(&b"/"[..], |start| &rest[start..]),
    }
}

/// Returns a key of bounded length: of a longer one its start and its hash.
fn short(key: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if key.len() <= MAX_KEY_BYTES {
        return key;
    }
    // Without a random seed, so that two runs give the same bytes.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let hash = format!("...{:016x}", hasher.finish());
    Cow::Owned([&key[..KEPT_BYTES], hash.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(spec: &str, value: &str) -> Option<String> {
        let mut keys = KeyReader::new(&Fields {
            key: spec.parse().unwrap(),
            time: None,
            ipv6_prefix: 64,
        });
        let key = keys.read(Cow::Borrowed(value.as_bytes()))?;
        Some(String::from_utf8(key.into_owned()).unwrap())
    }

    #[test]
    fn a_dash_is_no_key() {
        assert_eq!(key("field:user", "-"), None);
        assert_eq!(key("ip", ""), None);
    }

    #[test]
    fn the_key_of_a_forwarded_list_is_what_the_nearest_proxy_added() {
        let list = "6.6.6.6, 2001:db8::1, 192.0.2.7";
        let last = key("header:X-Forwarded-For", list);
        assert_eq!(last.as_deref(), Some("192.0.2.7"));
    }

    #[test]
    fn a_path_loses_its_query_and_what_precedes_it() {
        assert_eq!(key("path", "/search?q=1").as_deref(), Some("/search"));
        assert_eq!(key("path", "?q=1"), None);
        assert_eq!(key("path", "https://host/a/b#c").as_deref(), Some("/a/b"));
        assert_eq!(key("path", "http://host?q").as_deref(), Some("/"));
    }

    #[test]
    fn long_keys_take_bounded_memory_and_stay_apart() {
        let long = "x".repeat(100_000);
        let [one, two] = ["1", "2"].map(|end| key("path", &format!("{long}{end}")).unwrap());
        assert_ne!(one, two);
        assert!(one.len() <= MAX_KEY_BYTES, "{one}");
        assert_eq!(key("path", &format!("{long}1")), Some(one));
        let longest = "x".repeat(MAX_KEY_BYTES);
        assert_eq!(key("path", &longest), Some(longest));
    }
}

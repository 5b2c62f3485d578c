//! The name of a key's bucket in Redis. Limits in Redis ask for it with each
//! check.

use super::store_key::{EncodedKey, StoreKey};

/// The longest key, in bytes, that is not shortened.
const MAX_KEY_BYTES: usize = 128;

/// The bytes that stay of a longer key, so that people recognize it.
const KEPT_BYTES: usize = 32;

/// Returns the name of a key's bucket; see [the name in the
/// store](StoreKey#the-name-in-the-store). It allocates once.
pub(crate) fn bucket_name(prefix: &str, limiter: &str, key: &(impl StoreKey + ?Sized)) -> Vec<u8> {
    let mut name =
        EncodedKey::with_room(prefix.len() + limiter.len() + MAX_KEY_BYTES + ":{:}".len());
    name.escape_but_colons(prefix);
    name.written.extend_from_slice(b":{");
    name.escape(limiter.as_bytes());
    name.written.push(b':');
    // The braces hold limiter and key, so that all scripts of a key run on one
    // node of a cluster.
    let begin = name.written.len();
    name.part(key);
    name.shorten(begin);
    name.written.push(b'}');
    name.written
}

impl EncodedKey {
    /// Returns the name of a key's bucket in Redis, for tests.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn in_store(prefix: &str, limiter: &str, key: &(impl StoreKey + ?Sized)) -> Vec<u8> {
        bucket_name(prefix, limiter, key)
    }

    /// Writes text in which colons stay, so that a prefix can have several
    /// parts.
    fn escape_but_colons(&mut self, text: &str) {
        for (nth, between) in text.split(':').enumerate() {
            if nth > 0 {
                self.written.push(b':');
            }
            self.escape(between.as_bytes());
        }
    }

    /// Shortens the key that begins there, if it is too long.
    fn shorten(&mut self, begin: usize) {
        if self.written.len() - begin <= MAX_KEY_BYTES {
            return;
        }
        let key = self.written.split_off(begin);
        self.written
            .extend_from_slice(&key[..whole(&key[..KEPT_BYTES])]);
        self.digest(&key);
    }
}

/// Returns the length of a text without a `%XX` that is cut off at its end.
fn whole(text: &[u8]) -> usize {
    let split = text.len() - 2..text.len();
    split
        .into_iter()
        .find(|at| text[*at] == b'%')
        .unwrap_or(text.len())
}

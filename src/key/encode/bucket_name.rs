//! The name of a key's bucket in a shared store.

use super::store_key::{EncodedKey, StoreKey};

/// A written key may have so many bytes, or else it is cut.
const LONGEST: usize = 128;

/// What is left of a key that is cut, for people to read.
const LEFT: usize = 32;

/// The name of a key's bucket among all that is in a store; see
/// [the name in the store](StoreKey#the-name-in-the-store).
pub(crate) fn bucket_name(prefix: &str, limiter: &str, key: &(impl StoreKey + ?Sized)) -> Vec<u8> {
    let mut name = EncodedKey::with_room(prefix.len() + limiter.len() + LONGEST + ":{:}".len());
    name.escape_but_colons(prefix);
    name.written.extend_from_slice(b":{");
    name.escape(limiter.as_bytes());
    name.written.push(b':');
    let begin = name.written.len();
    name.part(key);
    name.shorten(begin);
    name.written.push(b'}');
    name.written
}

impl EncodedKey {
    /// Returns the name of a key's bucket in Redis, for property tests.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn in_store(prefix: &str, limiter: &str, key: &(impl StoreKey + ?Sized)) -> Vec<u8> {
        bucket_name(prefix, limiter, key)
    }

    fn escape_but_colons(&mut self, text: &str) {
        for (nth, between) in text.split(':').enumerate() {
            if nth > 0 {
                self.written.push(b':');
            }
            self.escape(between.as_bytes());
        }
    }

    /// Cuts the key that begins there, if it is too long.
    fn shorten(&mut self, begin: usize) {
        if self.written.len() - begin <= LONGEST {
            return;
        }
        let key = self.written.split_off(begin);
        self.written.extend_from_slice(&key[..whole(&key[..LEFT])]);
        self.digest(&key);
    }
}

/// How much of a written text ends with a whole byte, not within a `%XX`.
fn whole(text: &[u8]) -> usize {
    let split = text.len() - 2..text.len();
    split
        .into_iter()
        .find(|at| text[*at] == b'%')
        .unwrap_or(text.len())
}

use std::{fmt, io::Write, mem};

use super::Spell;

const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// A key as it is being written; see [the form](Spell#the-form).
#[derive(Clone, PartialEq, Eq)]
pub struct Name {
    /// Printable ASCII.
    written: Vec<u8>,
    /// How many pieces there are between the innermost open parenthesis, or the
    /// beginning, and here.
    pieces: usize,
}

impl Name {
    /// How a key is written, whole however long it is.
    ///
    /// ```
    /// use sluicegate::key::Name;
    ///
    /// let key = ("Zoë", Some(-7), "2001:db8::1".parse::<std::net::Ipv6Addr>()?);
    /// assert_eq!(Name::of(&key).to_string(), "(Zo%C3%AB,(-7),2001:db8::1)");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn of(key: &(impl Spell + ?Sized)) -> Self {
        let mut name = Self::with_room(0);
        name.part(key);
        name
    }

    /// Writes a text: one piece, whatever is in it.
    ///
    /// Pieces that one key writes after each other are like the parts of a
    /// tuple, in parentheses and apart by commas.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes bytes, in the same form as a text.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.begin_piece();
        self.escape(bytes);
    }

    /// Writes what is made of harmless bytes only.
    pub(super) fn shown(&mut self, shown: &impl fmt::Display) {
        self.begin_piece();
        // Writing to memory does not fail.
        let _ = write!(self.written, "{shown}");
    }

    /// Writes a piece that consists of others.
    pub(super) fn parts(&mut self, parts: &[&dyn Spell]) {
        self.begin_piece();
        self.written.push(b'(');
        let outside = mem::take(&mut self.pieces);
        for part in parts {
            self.part(*part);
        }
        self.pieces = outside;
        self.written.push(b')');
    }

    /// Writes a key as one piece. A key that wrote several would look like its
    /// neighbours in a tuple, and one that wrote none would let them close up:
    /// such keys get parentheses.
    fn part(&mut self, key: &(impl Spell + ?Sized)) {
        self.begin_piece();
        let begin = self.written.len();
        let outside = mem::take(&mut self.pieces);
        key.spell(self);
        if mem::replace(&mut self.pieces, outside) != 1 {
            self.written.insert(begin, b'(');
            self.written.push(b')');
        }
    }

    fn begin_piece(&mut self) {
        if self.pieces > 0 {
            self.written.push(b',');
        }
        self.pieces += 1;
    }

    fn escape(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| !stays(*byte)) {
            let byte = usize::from(rest[at]);
            self.written.extend_from_slice(&rest[..at]);
            self.written
                .extend_from_slice(&[b'%', UPPER[byte >> 4], UPPER[byte & 15]]);
            rest = &rest[at + 1..];
        }
        self.written.extend_from_slice(rest);
    }

    fn with_room(bytes: usize) -> Self {
        Self {
            written: Vec::with_capacity(bytes),
            pieces: 0,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&self.written).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// Neither the form nor Redis, its patterns or a shell gives these a meaning.
fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._@+/=".contains(&byte)
}

#[cfg(any(feature = "redis", feature = "idempotency"))]
mod digest {
    use sha2::{Digest, Sha256};

    use super::{Name, Spell};

    const LOWER: &[u8; 16] = b"0123456789abcdef";

    impl Name {
        /// Writes a key as its hash.
        pub(in crate::key) fn hashed(&mut self, key: &impl Spell) {
            self.begin_piece();
            self.digest(&Name::of(key).written);
        }

        /// Writes `~` and the SHA-256 of a written key, which no text can look like.
        pub(super) fn digest(&mut self, written: &[u8]) {
            self.written.push(b'~');
            for byte in Sha256::digest(written).into_iter().map(usize::from) {
                self.written
                    .extend_from_slice(&[LOWER[byte >> 4], LOWER[byte & 15]]);
            }
        }
    }
}

#[cfg(feature = "redis")]
pub(crate) use self::in_store::name_in_store;

#[cfg(feature = "redis")]
mod in_store {
    use super::{Name, Spell};

    /// A written key may have so many bytes, or else it is cut.
    const LONGEST: usize = 128;

    /// What is left of a key that is cut, for people to read.
    const LEFT: usize = 32;

    /// The name of a key's bucket among all that is in a store; see
    /// [the name in the store](Spell#the-name-in-the-store).
    pub(crate) fn name_in_store(
        prefix: &str,
        limiter: &str,
        key: &(impl Spell + ?Sized),
    ) -> Vec<u8> {
        let mut name = Name::with_room(prefix.len() + limiter.len() + LONGEST + ":{:}".len());
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

    impl Name {
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
}

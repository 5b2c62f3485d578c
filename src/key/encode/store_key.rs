//! The trait of keys that can be encoded, and the form in which they are.

use std::{fmt, io::Write, mem};

/// A key that can be encoded as text, for stores that a fleet shares.
///
/// In process a key only has to implement `Hash`. Another process may hash in
/// another way, so in a shared store a bucket has a name: text that is the same
/// for the same key in every process, on every platform, and in every version
/// of this crate.
///
/// The scope of an idempotency key is encoded too, in process as well. Two
/// scopes can have the same hash, and a client would get the response of
/// another one.
///
/// # Keys of your own
///
/// A newtype over a string or any other key takes two lines:
///
/// ```
/// use sluicegate::key::{EncodedKey, StoreKey};
///
/// struct UserId(String);
///
/// impl StoreKey for UserId {
///     fn encode(&self, out: &mut EncodedKey) { self.0.encode(out) }
/// }
///
/// assert_eq!(EncodedKey::of(&UserId("ann".into())).to_string(), "ann");
/// ```
///
/// Without them it is not a key for a shared limit:
///
/// ```compile_fail,E0277
/// use sluicegate::key::EncodedKey;
///
/// struct UserId(String);
///
/// EncodedKey::of(&UserId("ann".into()));
/// ```
///
/// Write one piece: a text, or the key inside yours. Put several fields into a
/// tuple. Equal keys have to be encoded alike, and different keys differently,
/// so give the variants of an enum a tag unless their values differ anyway.
///
/// ```
/// use std::net::IpAddr;
/// use sluicegate::key::{EncodedKey, StoreKey};
///
/// enum Plan { Free, Paid }
///
/// impl StoreKey for Plan {
///     fn encode(&self, out: &mut EncodedKey) {
///         out.text(match self {
///             Plan::Free => "free",
///             Plan::Paid => "paid",
///         });
///     }
/// }
///
/// struct Tenant { id: u32, plan: Plan }
///
/// impl StoreKey for Tenant {
///     fn encode(&self, out: &mut EncodedKey) {
///         (self.id, &self.plan).encode(out);
///     }
/// }
///
/// enum Caller { User(String), Anonymous(IpAddr) }
///
/// impl StoreKey for Caller {
///     fn encode(&self, out: &mut EncodedKey) {
///         match self {
///             Caller::User(user) => ("user", user).encode(out),
///             Caller::Anonymous(address) => ("ip", address).encode(out),
///         }
///     }
/// }
///
/// let tenant = Tenant { id: 7, plan: Plan::Paid };
/// assert_eq!(EncodedKey::of(&tenant).to_string(), "(7,paid)");
///
/// let (user, stranger) = (Caller::User("a b".into()), Caller::Anonymous([192, 0, 2, 1].into()));
/// assert_eq!(EncodedKey::of(&user).to_string(), "(user,a%20b)");
/// assert_eq!(EncodedKey::of(&(&stranger, Plan::Free)).to_string(), "((ip,192.0.2.1),free)");
/// ```
///
/// # The form
///
/// The form does not change between versions. A change would empty the buckets
/// of a fleet, and split its limits during the deployment.
///
/// | key | form | example |
/// |---|---|---|
/// | `str`, `String`, `char` | its UTF-8: ASCII letters, digits and `-._@+/=` stay, any other byte becomes `%` and two hex digits in upper case | `ann@example.org`, `a%20b`, `%C3%A9` |
/// | `[u8]`, `[u8; N]`, `Vec<u8>`, `Bytes`, `HeaderValue` | its bytes, in the same way | `k1`, `%FF%00` |
/// | `Method`, `HeaderName` | its text | `GET`, `x-api-key` |
/// | integers, `NonZero` or not | decimal | `42`, `-1` |
/// | `bool` | the word | `true` |
/// | `()` | nothing | |
/// | `Ipv4Addr`, `Ipv6Addr`, `IpAddr`, [`Client`](crate::key::Client) | the address, an IPv6 address as in RFC 5952, with dots only where it is a mapped IPv4 address | `192.0.2.1`, `2001:db8::1` |
/// | `SocketAddr` | address and port; flow and scope of an IPv6 address follow unless both are 0 | `(192.0.2.1,80)`, `(fe80::1,80,0,2)` |
/// | a tuple | its parts | `(a,b)`, `((a,b),c)` |
/// | `Option` | `-` for `None`, otherwise the value in parentheses | `-`, `(a)` |
/// | [`Either`](crate::key::Either) | 1 or 2, and the key | `(1,a)`, `(2,a)` |
/// | [`HashedKey`](crate::key::HashedKey) | `~` and the SHA-256 of the encoded value, 64 hex digits in lower case | |
/// | references, `Box`, `Rc`, `Arc`, `Cow` | the value that they point to | |
///
/// So two keys of one type have the same form only if they are equal. Keys of
/// different types can have the same form: `42` and `"42"`, an IPv4 address and
/// its text, the tuple `(1, "a")` and `Either::First("a")`. They share a budget
/// if you ask the same limiter for both.
///
/// The form does not hide a key. A reader of the names in the store can read
/// API keys and session cookies, unless they are
/// [hashed](crate::key::KeyExt::hashed).
///
/// # The name in the store
///
/// The name of a bucket is `<prefix>:{<limiter>:<key>}:<rule>`, where the rule
/// is one letter. The prefix and the name of the limiter are encoded like text,
/// except that a `:` in the prefix stays. So a name has one pair of braces,
/// Redis Cluster chooses the slot by the text between them, and a client cannot
/// choose a key that belongs to another limiter. The name is printable ASCII
/// without spaces.
///
/// A key of more than 128 encoded bytes is shortened: to its first 32 bytes (or
/// 30 or 31, so that no `%XX` is split), `~`, and the SHA-256 of the whole
/// encoded key in 64 lower-case hex digits. Apart from that, only a hashed key
/// contains a `~`, in front of its own 64 digits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be encoded as a key of a store",
    label = "this key does not implement `StoreKey`",
    note = "buckets that a fleet shares and scopes of idempotency keys have names, because two keys can have \
            the same hash, but not the same name; for a newtype over a string, write: \
            `impl sluicegate::key::StoreKey for {Self} {{ fn encode(&self, out: &mut sluicegate::key::EncodedKey) \
            {{ self.0.encode(out) }} }}`, for several fields `(&self.tenant, &self.user).encode(out)`"
)]
pub trait StoreKey {
    /// Writes the key as one piece.
    fn encode(&self, out: &mut EncodedKey);
}

const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// An encoded key, or one that is being encoded; see [the
/// form](StoreKey#the-form).
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedKey {
    /// Printable ASCII.
    pub(super) written: Vec<u8>,
    /// The pieces since the innermost open parenthesis, or since the beginning.
    pieces: usize,
}

impl EncodedKey {
    /// Encodes a key. It is not shortened, however long it is.
    ///
    /// ```
    /// use sluicegate::key::EncodedKey;
    ///
    /// let key = ("Zoë", Some(-7), "2001:db8::1".parse::<std::net::Ipv6Addr>()?);
    /// assert_eq!(EncodedKey::of(&key).to_string(), "(Zo%C3%AB,(-7),2001:db8::1)");
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn of(key: &(impl StoreKey + ?Sized)) -> Self {
        let mut name = Self::with_room(0);
        name.part(key);
        name
    }

    /// Returns the encoded form of a key, written over the bytes of `room`.
    pub(crate) fn written_into(mut room: Vec<u8>, key: &(impl StoreKey + ?Sized)) -> Vec<u8> {
        room.clear();
        let mut name = Self {
            written: room,
            pieces: 0,
        };
        name.part(key);
        name.written
    }

    /// Writes text as one piece.
    ///
    /// Several pieces of one key become a tuple: in parentheses, separated by
    /// commas.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes bytes as one piece, in the same form as text.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.begin_piece();
        self.escape(bytes);
    }

    /// Writes a piece whose `Display` form needs no escapes.
    pub(super) fn shown(&mut self, shown: &impl fmt::Display) {
        self.begin_piece();
        // Writing to memory does not fail.
        let _ = write!(self.written, "{shown}");
    }

    /// Writes a piece that consists of other keys.
    pub(super) fn parts(&mut self, parts: &[&dyn StoreKey]) {
        self.begin_piece();
        self.written.push(b'(');
        let outside = mem::take(&mut self.pieces);
        for part in parts {
            self.part(*part);
        }
        self.pieces = outside;
        self.written.push(b')');
    }

    /// Writes a key as one piece. A key that writes several pieces or none gets
    /// parentheses, because its pieces would look like parts of the tuple
    /// around it.
    pub(super) fn part(&mut self, key: &(impl StoreKey + ?Sized)) {
        self.begin_piece();
        let begin = self.written.len();
        let outside = mem::take(&mut self.pieces);
        key.encode(self);
        // Only now is it known how many pieces the key has, so the parenthesis
        // is inserted. Nearly all keys write one piece.
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

    pub(super) fn escape(&mut self, bytes: &[u8]) {
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

    pub(super) fn with_room(bytes: usize) -> Self {
        Self {
            written: Vec::with_capacity(bytes),
            pieces: 0,
        }
    }
}

impl fmt::Display for EncodedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&self.written).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for EncodedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedKey({self})")
    }
}

/// Returns whether a byte needs no escape: it has no meaning in the form, in
/// Redis and its patterns, or in a shell.
fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._@+/=".contains(&byte)
}

#[cfg(any(feature = "redis", feature = "idempotency"))]
mod digest {
    use sha2::{Digest, Sha256};

    use super::{EncodedKey, StoreKey};

    const LOWER: &[u8; 16] = b"0123456789abcdef";

    impl EncodedKey {
        /// Writes the hash of a key as one piece.
        pub(in crate::key) fn hashed(&mut self, key: &impl StoreKey) {
            self.begin_piece();
            self.digest(&EncodedKey::of(key).written);
        }

        /// Writes `~` and the SHA-256 of an encoded key. No text looks like it,
        /// because `~` is escaped.
        pub(in crate::key) fn digest(&mut self, written: &[u8]) {
            self.written.push(b'~');
            for byte in Sha256::digest(written).into_iter().map(usize::from) {
                self.written
                    .extend_from_slice(&[LOWER[byte >> 4], LOWER[byte & 15]]);
            }
        }
    }
}

//! How a key is written where many processes have to find the same bucket.

use std::{fmt, io::Write, mem};

/// A key that can be written down, for a store that a whole fleet shares.
///
/// In process a key has to be hashed and no more. A hash is of no use to the
/// next process, which may hash in another way, so in a shared store a bucket
/// goes by a name: text that is the same for the same key in every process, on
/// every platform, and in every version of this crate.
///
/// A scope of idempotency keys goes by a name, too, in process as well: two keys
/// may share a hash, and then one client would be given the answer of another.
///
/// # Keys of your own
///
/// A newtype over text, or over any other key, takes two lines:
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
/// Without them it is not a key of a shared limit:
///
/// ```compile_fail,E0277
/// use sluicegate::key::EncodedKey;
///
/// struct UserId(String);
///
/// EncodedKey::of(&UserId("ann".into()));
/// ```
///
/// Write one piece: a text, or what a key inside of yours is written as. Several
/// fields go into a tuple. Keys that are equal have to be written alike, and
/// keys that are not, differently: give the variants of an enum a tag, unless
/// they look different anyway.
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
/// enum Who { User(String), Anonymous(IpAddr) }
///
/// impl StoreKey for Who {
///     fn encode(&self, out: &mut EncodedKey) {
///         match self {
///             Who::User(user) => ("user", user).encode(out),
///             Who::Anonymous(address) => ("ip", address).encode(out),
///         }
///     }
/// }
///
/// let tenant = Tenant { id: 7, plan: Plan::Paid };
/// assert_eq!(EncodedKey::of(&tenant).to_string(), "(7,paid)");
///
/// let (user, stranger) = (Who::User("a b".into()), Who::Anonymous([192, 0, 2, 1].into()));
/// assert_eq!(EncodedKey::of(&user).to_string(), "(user,a%20b)");
/// assert_eq!(EncodedKey::of(&(&stranger, Plan::Free)).to_string(), "((ip,192.0.2.1),free)");
/// ```
///
/// # The form
///
/// It is part of what this crate promises: a change would empty every bucket of
/// a fleet, and split its limits while it is being deployed.
///
/// | key | is written as | such as |
/// |---|---|---|
/// | `str`, `String`, `char` | its UTF-8: ASCII letters, digits and `-._@+/=` as they are, any other byte as `%` and two hex digits in upper case | `ann@example.org`, `a%20b`, `%C3%A9` |
/// | `[u8]`, `[u8; N]`, `Vec<u8>`, `Bytes`, `HeaderValue` | its bytes, in the same way | `k1`, `%FF%00` |
/// | `Method`, `HeaderName` | its text | `GET`, `x-api-key` |
/// | integers, `NonZero` or not | decimal | `42`, `-1` |
/// | `bool` | the word | `true` |
/// | `()` | nothing | |
/// | `Ipv4Addr`, `Ipv6Addr`, `IpAddr`, [`Client`] | the address, an IPv6 address as in RFC 5952, with dots only where it is a mapped IPv4 address | `192.0.2.1`, `2001:db8::1` |
/// | `SocketAddr` | address and port; flow and scope of an IPv6 address follow where they are not both 0 | `(192.0.2.1,80)`, `(fe80::1,80,0,2)` |
/// | a tuple | its parts | `(a,b)`, `((a,b),c)` |
/// | `Option` | `-` for `None`, otherwise the value in parentheses | `-`, `(a)` |
/// | [`Either`] | 1 or 2, and the key | `(1,a)`, `(2,a)` |
/// | [`HashedKey`](super::HashedKey) | `~` and the SHA-256 of what it holds as it is written, 64 hex digits in lower case | |
/// | references, `Box`, `Rc`, `Arc`, `Cow` | what they hold | |
///
/// So two keys of one type are written alike only if they are equal. Keys of
/// different types may be: `42` and `"42"`, an IPv4 address and its text, a
/// tuple `(1, "a")` and an `Either::First("a")`. In one limiter that is one
/// budget, which can only happen where you ask it for keys of both types.
///
/// A key is not kept secret: a reader of the names in the store reads the keys,
/// and with them API keys and session cookies, if you limit by those and they are
/// not [hashed](super::KeyExt::hashed).
///
/// # The name in the store
///
/// It is `<prefix>:{<limiter>:<key>}:<rule>`, where the rule is one letter. The
/// prefix and the name of the limiter
/// are written like text, but that a `:` in the prefix stays. So there is one
/// pair of braces, Redis Cluster places a bucket by what is between them, and no
/// key gets out of its limiter, whatever a client puts into it. All of it is
/// printable ASCII without a space.
///
/// A key that is longer than 128 bytes when it is written is not put there
/// whole. Its first 32 bytes (or the one or two fewer that do not split a `%`
/// from its digits) are followed by `~` and the SHA-256 of the whole written
/// key, 64 hex digits in lower case. No other key has a `~`, unless there is a
/// hashed one in it, which has it in front of the 64 digits of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as a name",
    label = "this key does not implement `StoreKey`",
    note = "buckets that a fleet shares and scopes of idempotency keys go by a name, because no two keys \
            have the same one, as they may have the same hash; for a newtype over text it takes: \
            `impl sluicegate::key::StoreKey for {Self} {{ fn encode(&self, out: &mut sluicegate::key::EncodedKey) \
            {{ self.0.encode(out) }} }}`, for several fields `(&self.tenant, &self.user).encode(out)`"
)]
pub trait StoreKey {
    /// Writes the key, as one piece.
    fn encode(&self, out: &mut EncodedKey);
}

const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// A key as it is being written; see [the form](StoreKey#the-form).
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedKey {
    /// Printable ASCII.
    pub(super) written: Vec<u8>,
    /// How many pieces there are between the innermost open parenthesis, or the
    /// beginning, and here.
    pieces: usize,
}

impl EncodedKey {
    /// How a key is written, whole however long it is.
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

    /// Writes a key as one piece. A key that wrote several would look like its
    /// neighbours in a tuple, and one that wrote none would let them close up:
    /// such keys get parentheses.
    pub(super) fn part(&mut self, key: &(impl StoreKey + ?Sized)) {
        self.begin_piece();
        let begin = self.written.len();
        let outside = mem::take(&mut self.pieces);
        key.encode(self);
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

/// Neither the form nor Redis, its patterns or a shell gives these a meaning.
fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._@+/=".contains(&byte)
}

#[cfg(any(feature = "redis", feature = "idempotency"))]
mod digest {
    use sha2::{Digest, Sha256};

    use super::{EncodedKey, StoreKey};

    const LOWER: &[u8; 16] = b"0123456789abcdef";

    impl EncodedKey {
        /// Writes a key as its hash.
        pub(in crate::key) fn hashed(&mut self, key: &impl StoreKey) {
            self.begin_piece();
            self.digest(&EncodedKey::of(key).written);
        }

        /// Writes `~` and the SHA-256 of a written key, which no text can look like.
        pub(in crate::key) fn digest(&mut self, written: &[u8]) {
            self.written.push(b'~');
            for byte in Sha256::digest(written).into_iter().map(usize::from) {
                self.written
                    .extend_from_slice(&[LOWER[byte >> 4], LOWER[byte & 15]]);
            }
        }
    }
}

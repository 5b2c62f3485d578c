//! How a key is written where many processes have to find the same bucket.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    num,
    rc::Rc,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::{Client, Either};

mod name;

pub use self::name::Name;
#[cfg(feature = "redis")]
pub(crate) use self::name::name_in_store;

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
/// use sluicegate::key::{Name, Spell};
///
/// struct UserId(String);
///
/// impl Spell for UserId {
///     fn spell(&self, name: &mut Name) { self.0.spell(name) }
/// }
///
/// assert_eq!(Name::of(&UserId("ann".into())).to_string(), "ann");
/// ```
///
/// Without them it is not a key of a shared limit:
///
/// ```compile_fail,E0277
/// use sluicegate::key::Name;
///
/// struct UserId(String);
///
/// Name::of(&UserId("ann".into()));
/// ```
///
/// Write one piece: a text, or what a key inside of yours is written as. Several
/// fields go into a tuple. Keys that are equal have to be written alike, and
/// keys that are not, differently: give the variants of an enum a tag, unless
/// they look different anyway.
///
/// ```
/// use std::net::IpAddr;
/// use sluicegate::key::{Name, Spell};
///
/// enum Plan { Free, Paid }
///
/// impl Spell for Plan {
///     fn spell(&self, name: &mut Name) {
///         name.text(match self {
///             Plan::Free => "free",
///             Plan::Paid => "paid",
///         });
///     }
/// }
///
/// struct Tenant { id: u32, plan: Plan }
///
/// impl Spell for Tenant {
///     fn spell(&self, name: &mut Name) {
///         (self.id, &self.plan).spell(name);
///     }
/// }
///
/// enum Who { User(String), Anonymous(IpAddr) }
///
/// impl Spell for Who {
///     fn spell(&self, name: &mut Name) {
///         match self {
///             Who::User(user) => ("user", user).spell(name),
///             Who::Anonymous(address) => ("ip", address).spell(name),
///         }
///     }
/// }
///
/// let tenant = Tenant { id: 7, plan: Plan::Paid };
/// assert_eq!(Name::of(&tenant).to_string(), "(7,paid)");
///
/// let (user, stranger) = (Who::User("a b".into()), Who::Anonymous([192, 0, 2, 1].into()));
/// assert_eq!(Name::of(&user).to_string(), "(user,a%20b)");
/// assert_eq!(Name::of(&(&stranger, Plan::Free)).to_string(), "((ip,192.0.2.1),free)");
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
    label = "this key does not implement `Spell`",
    note = "buckets that a fleet shares and scopes of idempotency keys go by a name, because no two keys \
            have the same one, as they may have the same hash; for a newtype over text it takes: \
            `impl sluicegate::key::Spell for {Self} {{ fn spell(&self, name: &mut sluicegate::key::Name) \
            {{ self.0.spell(name) }} }}`, for several fields `(&self.tenant, &self.user).spell(name)`"
)]
pub trait Spell {
    /// Writes the key, as one piece.
    fn spell(&self, name: &mut Name);
}

macro_rules! as_text {
    ($($key:ty)+) => {
        $(impl Spell for $key {
            fn spell(&self, name: &mut Name) {
                name.text(self.as_ref());
            }
        })+
    };
}

as_text!(str String Method HeaderName);

macro_rules! as_bytes {
    ($($key:ty)+) => {
        $(impl Spell for $key {
            fn spell(&self, name: &mut Name) {
                name.bytes(self.as_ref());
            }
        })+
    };
}

as_bytes!([u8] Vec<u8> Bytes HeaderValue);

impl<const N: usize> Spell for [u8; N] {
    fn spell(&self, name: &mut Name) {
        name.bytes(self);
    }
}

impl Spell for char {
    fn spell(&self, name: &mut Name) {
        name.text(self.encode_utf8(&mut [0; 4]));
    }
}

impl Spell for bool {
    fn spell(&self, name: &mut Name) {
        name.text(if *self { "true" } else { "false" });
    }
}

impl Spell for () {
    fn spell(&self, name: &mut Name) {
        name.text("");
    }
}

/// What the standard library shows in one way on every platform, without a
/// byte that the form gives a meaning to.
macro_rules! as_shown {
    ($($key:ty)+) => {
        $(impl Spell for $key {
            fn spell(&self, name: &mut Name) {
                name.shown(self);
            }
        })+
    };
}

as_shown!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
as_shown!(num::NonZeroU8 num::NonZeroU16 num::NonZeroU32 num::NonZeroU64);
as_shown!(num::NonZeroU128 num::NonZeroUsize num::NonZeroI8 num::NonZeroI16);
as_shown!(num::NonZeroI32 num::NonZeroI64 num::NonZeroI128 num::NonZeroIsize);
as_shown!(IpAddr Ipv4Addr Ipv6Addr Client);

impl Spell for SocketAddr {
    fn spell(&self, name: &mut Name) {
        match self {
            SocketAddr::V4(socket) => socket.spell(name),
            SocketAddr::V6(socket) => socket.spell(name),
        }
    }
}

impl Spell for SocketAddrV4 {
    fn spell(&self, name: &mut Name) {
        (self.ip(), self.port()).spell(name);
    }
}

impl Spell for SocketAddrV6 {
    fn spell(&self, name: &mut Name) {
        match (self.flowinfo(), self.scope_id()) {
            (0, 0) => (self.ip(), self.port()).spell(name),
            (flow, scope) => (self.ip(), self.port(), flow, scope).spell(name),
        }
    }
}

macro_rules! as_tuple {
    ($($part:ident)+) => {
        impl<$($part: Spell),+> Spell for ($($part,)+) {
            #[allow(non_snake_case, reason = "each part is named like its type")]
            fn spell(&self, name: &mut Name) {
                let ($($part,)+) = self;
                name.parts(&[$($part),+]);
            }
        }
    };
}

as_tuple!(A B);
as_tuple!(A B C);
as_tuple!(A B C D);

impl<K: Spell> Spell for Option<K> {
    fn spell(&self, name: &mut Name) {
        match self {
            None => name.text("-"),
            Some(key) => name.parts(&[key]),
        }
    }
}

impl<A: Spell, B: Spell> Spell for Either<A, B> {
    fn spell(&self, name: &mut Name) {
        match self {
            Either::First(key) => name.parts(&[&1, key]),
            Either::Second(key) => name.parts(&[&2, key]),
        }
    }
}

macro_rules! as_held {
    ($($holder:ty),+) => {
        $(impl<K: Spell + ?Sized> Spell for $holder {
            fn spell(&self, name: &mut Name) {
                K::spell(self, name);
            }
        })+
    };
}

as_held!(&K, &mut K, Box<K>, Rc<K>, Arc<K>);

impl<K: Spell + ToOwned + ?Sized> Spell for Cow<'_, K> {
    fn spell(&self, name: &mut Name) {
        K::spell(self, name);
    }
}

#[cfg(test)]
mod tests;

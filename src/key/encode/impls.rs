//! How common types are encoded. [The form](StoreKey#the-form) is a promise, so
//! changes here would empty the buckets of a fleet.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    num,
    rc::Rc,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::store_key::{EncodedKey, StoreKey};
use crate::key::{combine::Either, ip::Client};

/// For types that are a `str`.
macro_rules! as_text {
    ($($key:ty)+) => {
        $(impl StoreKey for $key {
            fn encode(&self, out: &mut EncodedKey) {
                out.text(self.as_ref());
            }
        })+
    };
}

as_text!(str String Method HeaderName);

/// For types that are bytes.
macro_rules! as_bytes {
    ($($key:ty)+) => {
        $(impl StoreKey for $key {
            fn encode(&self, out: &mut EncodedKey) {
                out.bytes(self.as_ref());
            }
        })+
    };
}

as_bytes!([u8] Vec<u8> Bytes HeaderValue);

impl<const N: usize> StoreKey for [u8; N] {
    fn encode(&self, out: &mut EncodedKey) {
        out.bytes(self);
    }
}

impl StoreKey for char {
    fn encode(&self, out: &mut EncodedKey) {
        out.text(self.encode_utf8(&mut [0; 4]));
    }
}

impl StoreKey for bool {
    fn encode(&self, out: &mut EncodedKey) {
        out.text(if *self { "true" } else { "false" });
    }
}

impl StoreKey for () {
    fn encode(&self, out: &mut EncodedKey) {
        out.text("");
    }
}

/// For types whose `Display` form is the same on every platform and contains no
/// byte that has a meaning in the form.
macro_rules! as_shown {
    ($($key:ty)+) => {
        $(impl StoreKey for $key {
            fn encode(&self, out: &mut EncodedKey) {
                out.shown(self);
            }
        })+
    };
}

as_shown!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
as_shown!(num::NonZeroU8 num::NonZeroU16 num::NonZeroU32 num::NonZeroU64);
as_shown!(num::NonZeroU128 num::NonZeroUsize num::NonZeroI8 num::NonZeroI16);
as_shown!(num::NonZeroI32 num::NonZeroI64 num::NonZeroI128 num::NonZeroIsize);
as_shown!(IpAddr Ipv4Addr Ipv6Addr Client);

impl StoreKey for SocketAddr {
    fn encode(&self, out: &mut EncodedKey) {
        match self {
            SocketAddr::V4(socket) => socket.encode(out),
            SocketAddr::V6(socket) => socket.encode(out),
        }
    }
}

impl StoreKey for SocketAddrV4 {
    fn encode(&self, out: &mut EncodedKey) {
        (self.ip(), self.port()).encode(out);
    }
}

impl StoreKey for SocketAddrV6 {
    fn encode(&self, out: &mut EncodedKey) {
        match (self.flowinfo(), self.scope_id()) {
            (0, 0) => (self.ip(), self.port()).encode(out),
            (flow, scope) => (self.ip(), self.port(), flow, scope).encode(out),
        }
    }
}

/// For tuples, which are encoded as their parts in parentheses.
macro_rules! as_tuple {
    ($($part:ident)+) => {
        impl<$($part: StoreKey),+> StoreKey for ($($part,)+) {
            #[allow(non_snake_case, reason = "each part is named like its type")]
            fn encode(&self, out: &mut EncodedKey) {
                let ($($part,)+) = self;
                out.parts(&[$($part),+]);
            }
        }
    };
}

as_tuple!(A B);
as_tuple!(A B C);
as_tuple!(A B C D);

impl<K: StoreKey> StoreKey for Option<K> {
    fn encode(&self, out: &mut EncodedKey) {
        match self {
            // A text of `-` is not in parentheses in an option, so they differ.
            None => out.text("-"),
            Some(key) => out.parts(&[key]),
        }
    }
}

impl<A: StoreKey, B: StoreKey> StoreKey for Either<A, B> {
    fn encode(&self, out: &mut EncodedKey) {
        match self {
            Either::First(key) => out.parts(&[&1, key]),
            Either::Second(key) => out.parts(&[&2, key]),
        }
    }
}

/// For pointers, which are encoded as what they point to.
macro_rules! as_pointee {
    ($($pointer:ty),+) => {
        $(impl<K: StoreKey + ?Sized> StoreKey for $pointer {
            fn encode(&self, out: &mut EncodedKey) {
                K::encode(self, out);
            }
        })+
    };
}

as_pointee!(&K, &mut K, Box<K>, Rc<K>, Arc<K>);

impl<K: StoreKey + ToOwned + ?Sized> StoreKey for Cow<'_, K> {
    fn encode(&self, out: &mut EncodedKey) {
        K::encode(self, out);
    }
}

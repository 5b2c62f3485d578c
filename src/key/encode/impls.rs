//! The form of the types that keys are mostly made of.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    num,
    rc::Rc,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::store_key::{Name, Spell};
use crate::key::{combine::Either, ip::Client};

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

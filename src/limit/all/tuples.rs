//! Tuples of limiters as one limiter: by a tuple of keys, and by one key.

use std::sync::Arc;

use super::{
    charge::Parts,
    failure::Failure,
    future::Agreeing,
    limiter::All,
    notes::Notes,
    one_key::OneKey,
    part::{Member, Part},
};
use crate::limit::{
    decision::Decision,
    limiter::{Backend, Check, Limiter, Names, Wait},
    others::Others,
    rules::quota::Cost,
};

/// The name to speak of where there is no decision: of the first that can fail, if
/// there is one.
fn first_that_fails<const N: usize>(names: [(bool, Arc<str>); N]) -> Arc<str> {
    let at = names.iter().position(|(fails, _)| *fails).unwrap_or(0);
    names[at].1.clone()
}

macro_rules! error {
    ($limiter:ident) => { $limiter::Error };
    ($limiter:ident $($others:ident)+) => {
        <$limiter::Error as Failure>::Or<error!($($others)+)>
    };
}

/// A limiter of several, each with its place, its type, itself, and the part of the
/// key that it is given.
macro_rules! limiter {
    (
        [$($generics:tt)+] $all:ty, $by:ty, $this:ident $key:ident;
        $($index:tt $limiter:ident ($member:expr, $part:expr))+
    ) => {
        impl<$($generics)+> Limiter<$by> for $all {
            fn name(&$this, $key: &$by) -> Arc<str> {
                first_that_fails([$(($limiter::Error::FAILS, $member.name($part))),+])
            }

            #[inline]
            fn speaker(&$this, $key: &$by, decision: &Decision) -> Arc<str> {
                match decision.part() {
                    $($index => $member.speaker($part, decision),)+
                    _ => $this.name($key),
                }
            }

            fn names(&$this, $key: &$by) -> Names {
                Names::each($this.name($key), vec![$($member.name($part)),+])
            }

            fn check(&$this, $key: &$by, cost: Cost) -> Check<Self::Future> {
                let parts: &[&dyn Part] = &[$(&$member.part($part)),+];
                Parts::of(parts, cost, None).check(None)
            }

            fn until_ready(
                &$this,
                $key: &$by,
                cost: Cost,
                wait: Wait,
            ) -> Check<Self::Future> {
                let parts: &[&dyn Part] = &[$(&$member.part($part)),+];
                Parts::of(parts, cost, Some(wait)).check(None)
            }

            fn until_ready_noting(
                &$this,
                $key: &$by,
                cost: Cost,
                wait: Wait,
                others: &mut Others,
            ) -> Check<Self::Future> {
                let parts: &[&dyn Part] = &[$(&$member.part($part)),+];
                let parts = Parts::of(parts, cost, Some(wait));
                let names = [$($member.name($part)),+];
                let notes = Notes::of(parts.buckets(), &names, others);
                parts.check(Some(notes))
            }
        }
    };
}

macro_rules! tuple {
    ($($limiter:ident $key:ident $index:tt)+) => {
        impl<$($limiter: Backend<Error: Failure>),+> Backend for All<($($limiter,)+)> {
            type Error = error!($($limiter)+);
            type Future = Agreeing<Self::Error>;

            fn label(&self) -> Arc<str> {
                first_that_fails([$(($limiter::Error::FAILS, self.0.$index.label())),+])
            }
        }

        limiter! {
            [$($key, $limiter: Member<$key>),+] All<($($limiter,)+)>, ($($key,)+), self key;
            $($index $limiter (self.0.$index, &key.$index))+
        }

        limiter! {
            [K: ?Sized, $($limiter: Member<K>),+] OneKey<($($limiter,)+)>, K, self key;
            $($index $limiter (self.all.0.$index, key))+
        }
    };
}

tuple!(A K1 0 B K2 1);
tuple!(A K1 0 B K2 1 C K3 2);
tuple!(A K1 0 B K2 1 C K3 2 D K4 3);

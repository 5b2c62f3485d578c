//! Tuples of limiters as one limiter: by a tuple of keys, and by one key.

use std::sync::Arc;

use super::{
    charge::AllBuckets,
    failure::Failure,
    hold::HoldBuckets,
    limiter::{All, OneKey},
    notes::Notes,
};
use crate::limit::{
    decision::Decision,
    hold::{HoldLimiter, Holding},
    limiter::{Backend, Check, LimitNames, Limiter, Wait},
    member::{Member, MemberBucket},
    others::Others,
    reservation::Reservation,
    rules::quota::Cost,
};

/// The name to report when a check fails: that of the first member that can
/// fail, or else of the first.
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

/// Implements a limiter of several members, each given by its index, its type,
/// the member itself, and the part of the key that is its own.
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
            fn limit_of(&$this, $key: &$by, decision: &Decision) -> Arc<str> {
                match decision.part() {
                    $($index => $member.limit_of($part, decision),)+
                    _ => $this.name($key),
                }
            }

            fn names(&$this, $key: &$by) -> LimitNames {
                LimitNames::each($this.name($key), vec![$($member.name($part)),+])
            }

            fn check(&$this, $key: &$by, cost: Cost) -> Check<Self::Future> {
                AllBuckets::new(&[$(&$member.bucket($part)),+], cost, None).check(None)
            }

            fn until_ready(
                &$this,
                $key: &$by,
                cost: Cost,
                wait: Wait,
            ) -> Check<Self::Future> {
                AllBuckets::new(&[$(&$member.bucket($part)),+], cost, Some(wait)).check(None)
            }

            fn until_ready_noting(
                &$this,
                $key: &$by,
                cost: Cost,
                wait: Wait,
                others: &mut Others,
            ) -> Check<Self::Future> {
                let buckets: &[&dyn MemberBucket] = &[$(&$member.bucket($part)),+];
                let all = AllBuckets::new(buckets, cost, Some(wait));
                let names = [$($member.name($part)),+];
                let notes = Notes::new(all.buckets(), &names, others);
                all.check(Some(notes))
            }
        }
    };
}

/// Implements holds of several members, which are given as for a limiter.
macro_rules! hold_limiter {
    (
        [$($generics:tt)+] $all:ty, $by:ty, $this:ident $key:ident;
        $($index:tt $limiter:ident ($member:expr, $part:expr))+
    ) => {
        impl<$($generics)+> HoldLimiter<$by> for $all {
            fn hold(&$this, $key: &$by, estimate: Cost) -> Holding<Self::Error> {
                let buckets: &[&dyn MemberBucket] = &[$(&$member.bucket($part)),+];
                HoldBuckets::new(buckets, estimate, None).hold(None)
            }

            fn hold_until_ready(
                &$this,
                $key: &$by,
                estimate: Cost,
                wait: Wait,
            ) -> Holding<Self::Error> {
                let buckets: &[&dyn MemberBucket] = &[$(&$member.bucket($part)),+];
                HoldBuckets::new(buckets, estimate, Some(wait)).hold(None)
            }

            fn hold_until_ready_noting(
                &$this,
                $key: &$by,
                estimate: Cost,
                wait: Wait,
                others: &mut Others,
            ) -> Holding<Self::Error> {
                let buckets: &[&dyn MemberBucket] = &[$(&$member.bucket($part)),+];
                let all = HoldBuckets::new(buckets, estimate, Some(wait));
                let names = [$($member.name($part)),+];
                let notes = Notes::new(all.members(), &names, others);
                all.hold(Some(notes))
            }
        }
    };
}

/// Implements the part of a limiter that does not depend on its keys.
macro_rules! backend {
    ($all:ty, $this:ident; $($limiter:ident ($member:expr))+) => {
        impl<$($limiter: Backend<Error: Failure>),+> Backend for $all {
            type Error = error!($($limiter)+);
            type Future = Reservation<Self::Error>;

            fn label(&$this) -> Arc<str> {
                first_that_fails([$(($limiter::Error::FAILS, $member.label())),+])
            }
        }
    };
}

macro_rules! tuple {
    ($($limiter:ident $key:ident $index:tt)+) => {
        backend!(All<($($limiter,)+)>, self; $($limiter (self.0.$index))+);
        limiter! {
            [$($key, $limiter: Member<$key>),+] All<($($limiter,)+)>, ($($key,)+), self key;
            $($index $limiter (self.0.$index, &key.$index))+
        }
        hold_limiter! {
            [$($key, $limiter: Member<$key>),+] All<($($limiter,)+)>, ($($key,)+), self key;
            $($index $limiter (self.0.$index, &key.$index))+
        }

        backend!(All<OneKey<($($limiter,)+)>>, self; $($limiter (self.0.0.$index))+);
        limiter! {
            [K: ?Sized, $($limiter: Member<K>),+] All<OneKey<($($limiter,)+)>>, K, self key;
            $($index $limiter (self.0.0.$index, key))+
        }
        hold_limiter! {
            [K: ?Sized, $($limiter: Member<K>),+] All<OneKey<($($limiter,)+)>>, K, self key;
            $($index $limiter (self.0.0.$index, key))+
        }
    };
}

tuple!(A K1 0 B K2 1);
tuple!(A K1 0 B K2 1 C K3 2);
tuple!(A K1 0 B K2 1 C K3 2 D K4 3);

//! Macros for code that several modules would otherwise repeat. `lib.rs`
//! declares this module first, because macros are found in textual order.

/// Writes `get_ref`, `get_mut` and `into_inner` of a service that wraps another
/// one in its field `inner`. Takes the type of that field.
macro_rules! inner_accessors {
    ($inner:ty) => {
        /// Returns a reference to the inner service.
        pub fn get_ref(&self) -> &$inner {
            &self.inner
        }

        /// Returns a mutable reference to the inner service.
        pub fn get_mut(&mut self) -> &mut $inner {
            &mut self.inner
        }

        /// Returns the inner service and drops the rest.
        pub fn into_inner(self) -> $inner {
            self.inner
        }
    };
}

/// Declares an observer that counts events, and the snapshot of its counts:
/// one `AtomicU64` and one `u64` of the same name for each line.
///
/// A line may name the pattern of the keys that it counts. `Counts::counter`
/// finds the counter of a key by these patterns, and does not compile unless
/// they cover all keys. A line without a pattern is for the module to count.
///
/// ```text
/// counters! {
///     /// Docs of the observer.
///     pub struct Counts(Event);
///     /// Docs of the snapshot.
///     pub struct Snapshot {
///         /// Docs of a count.
///         entered: Event::Entered(_),
///         /// Docs of a count that no key stands for.
///         forgotten,
///     }
/// }
/// ```
macro_rules! counters {
    (
        $(#[$counts_attribute:meta])*
        $counts_vis:vis struct $Counts:ident($Key:ty);
        $(#[$snapshot_attribute:meta])*
        pub struct $Snapshot:ident {
            $($(#[$attribute:meta])* $count:ident $(: $key:pat)?,)+
        }
    ) => {
        $(#[$counts_attribute])*
        #[derive(Debug, Default)]
        $counts_vis struct $Counts {
            $($count: ::std::sync::atomic::AtomicU64,)+
        }

        $(#[$snapshot_attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $Snapshot {
            $($(#[$attribute])* pub $count: u64,)+
        }

        impl $Counts {
            /// Returns all counts. Each is exact, but they are not read at one
            /// instant.
            $counts_vis fn snapshot(&self) -> $Snapshot {
                $Snapshot {
                    $($count: self.$count.load(::std::sync::atomic::Ordering::Relaxed),)+
                }
            }

            /// Returns the counter of this key.
            fn counter(&self, key: &$Key) -> &::std::sync::atomic::AtomicU64 {
                match key {
                    $($($key => &self.$count,)?)+
                }
            }
        }

        impl ::std::ops::Add for $Snapshot {
            type Output = Self;

            fn add(self, other: Self) -> Self {
                Self {
                    $($count: self.$count + other.$count,)+
                }
            }
        }

        impl ::std::iter::Sum for $Snapshot {
            fn sum<I: Iterator<Item = Self>>(snapshots: I) -> Self {
                snapshots.fold(Self::default(), ::std::ops::Add::add)
            }
        }
    };
}

/// Writes the `fmt` of a `Debug` that shows only in which state a future or a
/// body is. Takes the names of the type, of the type of its field `state`, and
/// of the variants of that.
macro_rules! debug_state {
    ($Type:ident, $State:ident, $($Variant:ident),+) => {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            let state = match self.state {
                $($State::$Variant { .. } => stringify!($Variant),)+
            };
            f.debug_struct(stringify!($Type)).field("state", &state).finish()
        }
    };
}

/// Writes the `fmt` of a `Debug` that shows only the name of the type, because
/// its fields are closures or counters.
macro_rules! debug_opaque {
    ($Type:ident) => {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            f.debug_struct(stringify!($Type)).finish_non_exhaustive()
        }
    };
}

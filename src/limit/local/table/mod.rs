//! The bounded lock-free table in which a limiter with keys keeps its buckets.
//!
//! Its memory is fixed when it is made. It consists of homes of eight slots; a
//! slot holds the hash of a key and the word of its bucket. A key has two homes.
//! If both are full it may lie in two further ones, and then in a few of a small
//! common overflow, so that every key finds a place up to the capacity, also
//! when keys come and go all the time. No sweeper is needed: a slot whose bucket
//! is whole again is free.
//!
//! A home has two lines, each of one cache line. One of the lines of its first
//! home is near to a key: nine of ten keys lie there if all of the capacity is
//! used, and a decision about them reads one cache line. A key that lies
//! elsewhere is moved there when there is room.
//!
//! Reading and deciding take no lock: find the slot, decide, compare and swap.
//! Only a key that is new, or that moves, takes one lock of many, so that two
//! threads cannot give one key two slots. It takes a slot over in three steps:
//!
//! ```text
//! state: dead -> BUSY      claimed, by compare and swap
//! key:   old  -> new
//! state: BUSY -> first     published
//! ```
//!
//! For a key that moves, the old slot is busy until the new one is published.
//!
//! A decision reads the state first and the key after it, so it never takes a
//! state of the new key for one of the old. The key is mixed into the bits of the
//! state, so a compare and swap for one key fails on an equal state of another.
//!
//! Two keys with the same 64-bit hash share a bucket. The hash is seeded anew
//! in every process, so such keys cannot be chosen; among a million keys the
//! chance of one such pair is 3 in 100 million.

mod home;
mod placement;
mod slot;
mod word_table;

pub(crate) use self::word_table::Table;

#[cfg(all(test, sluicegate_loom))]
mod loom;
#[cfg(all(test, not(sluicegate_loom)))]
mod tests;

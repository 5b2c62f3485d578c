//! The bounded lock-free table in which a limiter with keys keeps its buckets.
//!
//! Its memory is fixed when it is made. It consists of lines of eight slots; a
//! slot holds the hash of a key and the word of its bucket. A key has two home
//! lines. If both are full it may lie in two further lines, and then in a few
//! lines of a small common overflow, so that every key finds a place up to the
//! capacity, also when keys come and go all the time. No sweeper is needed: a
//! slot whose bucket is whole again is free.
//!
//! Reading and deciding take no lock: find the slot, decide, compare and swap.
//! Only a new key takes one lock of many, so that two threads cannot give one
//! key two slots. It takes a slot over in three steps:
//!
//! ```text
//! state: dead -> BUSY      claimed, by compare and swap
//! key:   old  -> new
//! state: BUSY -> first     published
//! ```
//!
//! A decision reads the state first and the key after it, so it never takes a
//! state of the new key for one of the old. The key is mixed into the bits of the
//! state, so a compare and swap for one key fails on an equal state of another.
//!
//! Two keys with the same 64-bit hash share a bucket. The hash is seeded anew
//! in every process, so such keys cannot be chosen; among a million keys the
//! chance of one such pair is 3 in 100 million.

mod slot;
mod word_table;

pub(crate) use self::word_table::Table;

#[cfg(all(test, sluicegate_loom))]
mod loom;
#[cfg(all(test, not(sluicegate_loom)))]
mod tests;

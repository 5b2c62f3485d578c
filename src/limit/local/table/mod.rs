//! The bounded lock-free table in which a limiter keeps its buckets.
//!
//! Memory is fixed when the table is made: cache lines of four slots, a slot
//! being the hash of a key and the word of its bucket. A key has two lines
//! where it may be; where both are full, two more, and then a few lines of a
//! small common overflow, so that all keys find a place up to the capacity,
//! also where they come and go all the time. A bucket whose life is over needs
//! no sweeper: its slot *is* free.
//!
//! Reading and deciding take no lock: find the slot, decide, compare and swap.
//! Only a key that is new takes one, one of many, so that two threads cannot
//! give one key two slots. It takes a slot over in three steps:
//!
//! ```text
//! state: dead -> BUSY      claimed, by compare and swap
//! key:   old  -> new
//! state: BUSY -> first     published
//! ```
//!
//! Whoever decides reads the state first and the key after it, so a state that
//! belongs to the new key is never taken for one of the old.
//!
//! Two keys with the same 64-bit hash share a bucket. The hash is seeded anew
//! in every process, so nobody can choose such keys; among a million keys the
//! chance of one such pair is 3 in 100 million.

mod slot;
mod word_table;

pub(crate) use self::word_table::Table;

#[cfg(all(test, sluicegate_loom))]
mod loom;
#[cfg(all(test, not(sluicegate_loom)))]
mod tests;

//! Holds, in every order of everything that can happen to them.
//!
//! Holders charge estimates and settle them late, twice, after their terms, or
//! never; replies are lost, holders crash, others check, credit and reset, and
//! time goes by ([`world`]). After each step three laws are checked:
//!
//! * a bucket has no more left than one in which each hold charged, at its instant,
//!   only what it was settled for ([`history`]); and exactly as much if nothing came
//!   between a hold and its settlement;
//! * nothing passes that such a bucket would deny;
//! * what the script notes as charged, less what it notes as settled, given back,
//!   lapsed and untracked, is what is in its set of holds, and those are the holds
//!   that the holders know to be open ([`books`]).

mod books;
mod cases;
mod client;
mod faults;
mod history;
mod moves;
mod plan;
mod slot;
mod tests;
mod world;

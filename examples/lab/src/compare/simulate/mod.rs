//! Plays a pattern of traffic to a player, in virtual time.

mod agenda;
mod play;

pub use self::play::{Passage, Record, play};

//! The smallest limit that refuses no more than a given share of recorded
//! traffic.
//!
//! ```text
//! lab recommend access.log* --refuse-keys 0.1% --period 1m
//! ```
//!
//! # How it searches
//!
//! There is a grid of bursts (1, 2, 5, 10, 20, 50, ...) and one of amounts (all
//! numbers of at most two significant digits). For each rule and burst, the
//! amounts are played from the smallest, until one refuses no more than the
//! share. So each smaller amount of the grid was played and refuses more: the
//! search does not assume that a larger quota refuses less, which is not true of
//! all rules and costs.
//!
//! The search is quick for two other reasons. Keys are independent, so that each
//! is played by itself, those with the most requests first, and a quota is
//! dropped as soon as it has refused too much. And a key that takes less in all
//! than a whole bucket holds is never refused.
//!
//! The best pair of a rule is that with the least quota times period plus burst,
//! which is the most that a token bucket admits in a period; among equals, that
//! with the smaller quota.

mod allowed;
mod command;
mod grid;
mod play;
mod results;
mod search;
mod share;
mod text;
mod trace;

pub use self::{
    command::Command,
    results::{Pair, RecommendResults},
    share::Share,
};

//! Made-up traffic: who asks when, and what clients do with their answers.
//!
//! All patterns are made for a limit of about 100 in 10 seconds.

mod crowds;
mod even;
mod list;
mod pattern;
mod random;
mod retries;

pub use self::{
    list::patterns,
    pattern::{Pattern, Reaction, Request, Scale},
};

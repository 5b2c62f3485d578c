//! Adaptive limits that share a maximum, in every order of everything that can happen.
//!
//! Instances tell the script what they hold and want, lose replies, crash and leave;
//! calls come late or twice; the server loses its data, its clock steps back, and time
//! passes ([`world`]). The law: the bounds in force are never more than the maximum
//! together, but for an instance that has 1; and one that is alone gets what it wants.

mod cases;
mod client;
mod faults;
mod moves;
mod tests;
mod world;

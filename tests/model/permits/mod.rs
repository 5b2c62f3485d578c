//! Permits that a fleet leases, in every order of everything that can happen.
//!
//! Two [`holder`]s call the script, use permits and end their work, crash, and
//! lose replies; calls come late or twice; time passes, and the clock steps back
//! ([`world`]). The law: the permits that holders may use, by their own clocks, are
//! never more than the limit; the leases at the server neither; and a lease that
//! nobody renews ends in time.

mod cases;
mod client;
mod faults;
mod holder;
mod moves;
mod tests;
mod world;

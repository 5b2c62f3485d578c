//! The budget of retries: how many a client may send beside its requests.
//!
//! `window` holds the rule, which `lua/retry_budget.lua` repeats for a fleet.
//! The layer counts each request, reserves a retry before it waits, and spends
//! it when it sends.

mod asking;
mod builder;
#[cfg(feature = "redis")]
mod fleet;
mod local_budget;
mod open_slot;
mod reservation;
mod retry_budget;
#[cfg(feature = "testing")]
mod testing;
mod window;

#[cfg(feature = "testing")]
#[doc(hidden)]
pub use self::testing::BudgetTwin;
pub(in crate::client::retry) use self::{
    asking::{Asking, FleetAnswer},
    reservation::Reservation,
};
pub use self::{builder::RetryBudgetBuilder, retry_budget::RetryBudget};

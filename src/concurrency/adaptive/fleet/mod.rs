//! The fleet of an adaptive limit: what instances tell each other through Redis.
//!
//! | file | contents |
//! |---|---|
//! | `adaptive_fleet` | the settings, and the handle by which the fleet is watched |
//! | `view` | what the last answer said about the fleet |
//! | `counts` | counts of calls and answers |
//! | `script` | the call of `lua/adaptive.lua`, and its reply |
//! | `task` | calls every second, and moves the limit by the answer |

mod adaptive_fleet;
mod counts;
mod script;
mod task;
mod view;

pub use self::{adaptive_fleet::AdaptiveFleet, counts::AdaptiveFleetCounts, view::FleetView};
pub(in crate::concurrency) use self::{script::InstanceReport, task::join};

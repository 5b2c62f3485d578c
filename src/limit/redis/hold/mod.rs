//! Holds of charges in Redis.
//!
//! The script charges the estimate and keeps a record of it until the settlement
//! or the end of its term; see `lua/hold.lua`. [`call`] makes the request, lets
//! the policy hold if Redis does not, and settles. [`settings`] says for how long
//! a hold is kept.

mod call;
mod settings;

pub(super) use self::settings::HoldSettings;

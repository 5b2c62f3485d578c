//! Holds of charges in Redis.
//!
//! The script charges the estimate and keeps a record of it until the settlement
//! or the end of its term; see `lua/hold.lua`. [`call`] makes the request, and
//! [`policy`] holds if Redis does not. [`group`] does so for several buckets in one
//! call. [`settle`] ends a hold. [`settings`] says for how long one is kept.

mod call;
mod group;
mod policy;
mod settings;
mod settle;

pub(in crate::limit) use self::group::{HeldGroup, hold_group};
pub(super) use self::{settings::HoldSettings, settle::settlement};

//! The limits to play: a rule and its quota.

mod parse;
mod policy;
mod rule_name;

pub(crate) use self::{
    parse::{RuleChoice, read_policy},
    policy::WithRule,
};
pub use self::{policy::Policy, rule_name::RuleName};

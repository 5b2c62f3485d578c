//! The costs of decisions on the machine that ran the command.

mod costs;
mod in_process;
mod in_redis;
mod section;
mod table;

pub(in crate::report) use self::section::cost;

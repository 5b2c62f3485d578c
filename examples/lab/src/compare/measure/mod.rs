//! The costs of decisions on this machine: `measured.json`.
//!
//! In the process, each of 1,000 keys asks at 98 % of the rate of the limit, by a
//! clock that the measurement moves. So every request is admitted, and a log is as
//! full as it gets. In Redis, the server's clock decides under quotas that no
//! measurement reaches.

mod by_rule;
mod in_process;
mod measure;
mod ours;
mod peers;
mod redis;
mod subject;

pub use self::measure::measure;

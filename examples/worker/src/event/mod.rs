//! Events, and the rule by which they change their state: pure, without a clock,
//! a database or a queue.

mod backoff;
mod content;
mod progress;
mod reason;
mod state;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use self::tests::any_step;
pub(crate) use self::{
    backoff::Backoff,
    content::{Content, Kind},
    progress::{Progress, Step},
    reason::Reason,
    state::State,
};

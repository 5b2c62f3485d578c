//! Sends failed calls again, where that is safe, within a budget.

mod backoff;
mod body;
mod budget;
mod call;
mod failure;
pub mod future;
mod head;
mod key;
mod layer;
mod nested;
mod observe;
mod outcome;
mod retrying;
mod service;
mod settings;

pub use self::{
    body::{
        BodySource, BoxedTapeSource, CloneSource, RepeatableBody, ResponseBody, TapeSource,
        TapedBody,
    },
    budget::{RetryBudget, RetryBudgetBuilder},
    layer::RetryLayer,
    observe::{Counts, Event, Observe, Snapshot, Stop},
    outcome::Progress,
    service::Retry,
};

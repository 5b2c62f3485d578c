//! The layer whose requests are charged for what they really took.
//!
//! A request is charged an estimate, which is settled when the body of its
//! response has ended.
//!
//! | file | contents |
//! |---|---|
//! | `layer` | the settings as users make them |
//! | `service` | holds the estimate of a request, and calls the inner service or not |
//! | `admission` | asks the limiter for a hold |
//! | `future` | the states of a call |
//! | `body` | tells the settlement of each frame |
//! | `settlement` | a request from its hold to its end |
//! | `settled_response` | what a response has carried |
//! | `end` | the end of a request, as users see it |
//! | `actual_cost` | the user's decision of what a request took |
//! | `spent` | a counter that a handler adds to |

mod actual_cost;
mod admission;
mod body;
mod end;
pub(super) mod future;
mod layer;
mod service;
mod settled_response;
mod settlement;
mod spent;

pub use self::{
    actual_cost::{ActualCost, ChargeWhen, failed, ok, refused},
    body::SettledBody,
    end::End,
    layer::SettledLimitLayer,
    service::SettledLimit,
    spent::Spent,
};

//! The layer that puts a limiter in front of a service.
//!
//! `service` asks `admission` about each request, and `settings` acts on the
//! decision. A request that passes at once goes to the inner service. One that
//! waits or is refused goes into `future`, which polls its `pending` check.
//!
//! | file | contents |
//! |---|---|
//! | `layer` | the settings as users make them |
//! | `service` | asks about a request, and calls the inner service or not |
//! | `admission` | reads key and cost of a request, and asks the limiter |
//! | `settings` | records a decision, logs it, and makes a refusal of a denial |
//! | `admit` | the action for a request, as these files tell each other |
//! | `mark` | what a response is marked with, kept until it is there |
//! | `pending_mark` | a mark with the answer that writes it |
//! | `pending` | a check that takes time, up to the deadline |
//! | `future` | the states of a call |
//! | `settle/` | the layer whose requests are charged for what they really took |
//! | `weigh` | the bound on closures that return a cost |

mod admission;
mod admit;
pub mod future;
mod layer;
mod mark;
mod pending;
mod pending_mark;
mod service;
mod settings;
pub(super) mod settle;
mod weigh;

pub use self::{layer::RateLimitLayer, service::RateLimit};

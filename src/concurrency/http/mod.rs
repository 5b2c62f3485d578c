//! The layer that gives each request a permit.
//!
//! | file | contents |
//! |---|---|
//! | `layer` | the settings as users make them |
//! | `settings` | the settings that do not change the type of a layer |
//! | `admission` | asks the limiter about a request |
//! | `decided` | acts on what the limiter has decided |
//! | `shedder` | moves the cut-off of the limiter |
//! | `service` | calls the inner service or not |
//! | `queued_call` | a call that waits for its permit |
//! | `future` | the states of a call |
//! | `held_request` | a request with its permit, until its response begins |
//! | `held_response` | a response with its permit, until it ends |
//! | `response_kind` | tells responses whose duration counts from streams |
//! | `uncounted` | the mark of a response whose duration does not count |
//! | `body` | tells the held response of each frame |
//! | `upgrade` | the permit of a connection that changes its protocol |

mod admission;
mod body;
mod decided;
pub mod future;
mod held_request;
mod held_response;
mod layer;
mod queued_call;
mod response_kind;
mod service;
mod settings;
mod shedder;
mod uncounted;
mod upgrade;

pub use self::{
    body::ResponseBody, layer::ConcurrencyLayer, service::Concurrency, uncounted::Uncounted,
    upgrade::UpgradeGuard,
};

//! Passes levels on to the services that are called: the client's side.
//!
//! | file | contents |
//! |---|---|
//! | `layer` | the layer and its settings |
//! | `service` | writes the level of each call |

mod layer;
mod service;

pub use self::{layer::PropagateCriticalityLayer, service::PropagateCriticality};

//! The cut-off of a limiter: the rank below which it refuses requests.
//!
//! | file | contents |
//! |---|---|
//! | `settings` | the settings as users make them, with the formula |
//! | `window` | what happened in one window |
//! | `controller` | moves the cut-off from window to window |
//! | `fleet` | reads the cut-off that operators set for a fleet |
//! | `operator` | until when that cut-off counts |

mod controller;
#[cfg(feature = "redis")]
mod fleet;
#[cfg(feature = "redis")]
mod operator;
mod settings;
mod window;

pub(crate) use self::controller::CutOffController;
pub use self::settings::CutOff;

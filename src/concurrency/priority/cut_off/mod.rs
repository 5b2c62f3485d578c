//! The cut-off of a limiter: the rank below which it refuses requests.
//!
//! | file | contents |
//! |---|---|
//! | `settings` | the settings as users make them, with the formula |
//! | `window` | what happened in one window |
//! | `controller` | moves the cut-off from window to window |

mod controller;
mod settings;
mod window;

pub(crate) use self::controller::CutOffController;
pub use self::settings::CutOff;

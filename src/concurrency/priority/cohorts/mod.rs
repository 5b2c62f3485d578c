//! The cohorts of principals.
//!
//! | file | contents |
//! |---|---|
//! | `cohorts` | the cohort of a principal in an hour |
//! | `salt` | the salt, and the hour that counts |
//! | `fleet` | the salt and the hour that a fleet shares in Redis |

mod cohorts;
#[cfg(feature = "redis")]
mod fleet;
mod salt;

pub use self::cohorts::Cohorts;

//! Where the priority of a request comes from.
//!
//! | file | contents |
//! |---|---|
//! | `priority` | the settings as users make them |
//! | `level` | the level: from a header or a closure |
//! | `principal` | the cohort: of a principal, or one after the other |

mod level;
mod principal;
mod priority;

pub use self::{
    level::{ByClosure, FindLevel, FromHeader, Trusts},
    principal::{ByPrincipal, EvenlySpread, FindCohort},
    priority::{Prioritize, Priority},
};

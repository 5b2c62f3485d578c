//! The knowledge of a client about one quota of one server, and the time of its
//! next call. `peer` keeps one mirror for each quota.
//!
//! | file | contents |
//! |---|---|
//! | `mirror` | what is left: the newest report, less the calls that it may not include |
//! | `learn` | what a report changes |
//! | `schedule` | when the next call may be sent |
//! | `history` | when a unit is certainly back, by the client's own calls |
//! | `answers` | answers of calls that newer ones have overtaken |
//! | `refill` | when there is more, as the server states it |
//! | `pace` | spreads what is left over the time until there is more |
//! | `gaps` | how long it takes until there is more, as seen |
//! | `share` | the pace if other clients use the same quota |

mod answers;
mod gaps;
mod history;
mod learn;
mod mirror;
mod pace;
mod refill;
mod schedule;
mod share;
#[cfg(test)]
mod tests;

pub(super) use self::mirror::{Mirror, Report};

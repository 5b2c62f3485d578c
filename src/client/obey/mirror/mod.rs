//! What a client knows about one quota of one server, and when its next call
//! may be sent. `peer` keeps one mirror for each quota.
//!
//! | file | contents |
//! |---|---|
//! | `mirror` | what is left: the newest report, less the calls that it may not include |
//! | `pace` | spreads what is left over the time until there is more |
//! | `gaps` | how long it takes until there is more, as seen |
//! | `share` | the pace if other clients use the same quota |

mod gaps;
mod mirror;
mod pace;
mod share;

pub(super) use self::mirror::{Mirror, Report};

//! The registry: where requests are counted, and read from.
//!
//! A [`Registry`] is a handle. It finds the [series](series) of a request in a
//! [table](table) that readers use without a lock, and hands out a
//! [guard](guard) that counts the end of the request exactly once. Each series
//! counts in [stripes](stripe), so that threads do not write to the same cache
//! lines.
//!
//! ```text
//! Registry -> Table -> Series -> Stripe -> Completion -> Histogram
//!                                  ^
//!                        Guard ----+
//! ```
//!
//! Nothing is ever removed, so that a guard can hold its stripe without the
//! registry, and a reader can walk everything while requests are counted.
//! [Budgets](budget) bound the memory: a request whose labels or whose
//! completion key have no room ends in the overflow series of its kind.
//!
//! Three orderings keep "started = ended + in flight" true for every reader. A
//! start is written before its end. An end is published with release ordering,
//! and read before the starts. A request that moves to another series starts
//! there before it is subtracted here.

pub(super) mod budget;
mod builder;
mod completion;
pub(super) mod guard;
pub(super) mod insert_only;
mod observe;
mod registry;
mod series;
pub(super) mod settings;
pub(super) mod stripe;
pub(super) mod table;

pub use self::{builder::Builder, registry::Registry};

//! The contract of a limiter of concurrency, by which layers ask it.

use crate::concurrency::{
    ask::Ask,
    gate::{Entry, Load, Usage},
    priority::Rank,
};

/// Gives permits by key. The layer and your own code ask it, whether the limit
/// is in process, as that of a [`Local`](super::Local), or shared by a fleet.
///
/// It is a handle: clones share the limit.
///
/// Permits only come from the limiters of this module, so an implementation of
/// your own wraps one of them:
///
/// ```
/// use sluicegate::concurrency::{Ask, Direct, Entry, Load, Local, Permits, Rank, Usage};
///
/// /// Two limits, by the kind of the request.
/// #[derive(Clone, Debug)]
/// struct ByKind {
///     reads: Local<Direct>,
///     writes: Local<Direct>,
/// }
///
/// impl Permits<bool> for ByKind {
///     fn name(&self) -> &str {
///         "by-kind"
///     }
///
///     fn acquire(&self, is_read: &bool, ask: Ask) -> Entry {
///         match is_read {
///             true => self.reads.acquire(ask),
///             false => self.writes.acquire(ask),
///         }
///     }
///
///     fn load(&self, is_read: &bool) -> Load {
///         match is_read {
///             true => self.reads.load(),
///             false => self.writes.load(),
///         }
///     }
///
///     fn set_cut_off(&self, cut_off: Rank) {
///         self.reads.set_cut_off(cut_off);
///         self.writes.set_cut_off(cut_off);
///     }
///
///     fn usage(&self) -> Usage {
///         self.reads.usage() + self.writes.usage()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not limit concurrency by the key `{K}`",
    label = "gives no permits for this key",
    note = "give the layer a key that the limiter goes by, with `.key(..)`: `Local::keyed` takes any \
            key that implements `Hash`, and `Local::new` takes `key::Global`"
)]
pub trait Permits<K: ?Sized> {
    /// Returns the name of the limit, as logs and metrics know it.
    fn name(&self) -> &str;

    /// Asks for a permit: it is given at once, or the request waits in the
    /// queue, or it is refused. The call itself takes the place in the queue,
    /// before the future is polled.
    fn acquire(&self, key: &K, ask: Ask) -> Entry;

    /// Returns the limit and the permits in flight of a key.
    fn load(&self, key: &K) -> Load;

    /// Sets the lowest rank that gets a permit of any key. Waiting requests
    /// below it are refused.
    fn set_cut_off(&self, cut_off: Rank);

    /// Returns what is in use now, of all keys.
    fn usage(&self) -> Usage;
}

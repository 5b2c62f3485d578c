//! Decides which requests share a call.
//!
//! A caller sends its own request, without a detour, if no other request is
//! being sent. All others queue, and a worker takes everything that waits into
//! one call, again and again until nothing waits. If calls carry several
//! requests, new ones wait for the call under way and share the next, unless
//! they are enough for a second call. No timer delays a call: calls grow by
//! themselves when more is asked than replies come.
//!
//! Callers have no timers of their own, which would take longer than the rest of a
//! request. A task in the [background](crate::runtime) answers those whose time is up,
//! also if the worker is stalled.
//!
//! The limiter stands on this, and this on the [client](super::client).
//!
//! | file | what it does |
//! |---|---|
//! | `request_queue` | takes requests, and sends those that go alone |
//! | `backlog` | the state behind its lock: who waits, and who may call |
//! | `waiter` | a request that waits, and the caller behind it |
//! | `worker` | sends what waits, and answers those whose time is up |

mod backlog;
mod request_queue;
mod waiter;
mod worker;

pub(super) use self::request_queue::RequestQueue;

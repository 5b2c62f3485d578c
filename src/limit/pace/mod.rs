//! Streams and sinks that keep to a limit.
//!
//! An item that comes too fast is not lost; it waits. Each item costs 1, or as
//! much as the function given to [`cost`](PacedStream::cost) returns.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use futures_util::{StreamExt, stream};
//! use sluicegate::{clock, limit::{Local, Quota, TokenBucket, pace::PacedStream}};
//!
//! let rule = TokenBucket::new(Quota::per_second(10).burst(1));
//! let limiter = Local::builder(rule).clock(clock::Tokio::new()).direct();
//! let start = tokio::time::Instant::now();
//! let lines = PacedStream::new(stream::iter(["a", "b", "c"]), limiter);
//! assert_eq!(lines.collect::<Vec<_>>().await, ["a", "b", "c"]);
//! assert_eq!(start.elapsed().as_millis(), 200);
//! # }
//! ```
//!
//! # Order
//!
//! An item takes its place in the queue when it arrives, in the limiter's one
//! budget: the limiter is [`Direct`](super::Direct). If several streams share a
//! limiter, their items queue in one order.
//!
//! # Items above the limit
//!
//! An item that costs more than the limit ever allows at once does not wait for
//! ever. It costs as much as the limit, like a large packet on a slow line.
//!
//! # Cancellation
//!
//! Dropped while an item waits, the adaptor gives its place back. The item is
//! dropped with it.

mod sink;
mod stream;
mod turn;

pub use self::{sink::PacedSink, stream::PacedStream};

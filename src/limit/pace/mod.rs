//! Streams and sinks that keep to a limit.
//!
//! What is too fast is not lost: it waits for its turn. Each item costs 1, or
//! what [`cost`](PacedStream::cost) says of it.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use futures_util::{StreamExt, stream};
//! use sluicegate::{clock, limit::{Local, Quota, TokenBucket, pace::PaceStream}};
//!
//! let rule = TokenBucket::new(Quota::per_second(10).burst(1));
//! let limiter = Local::builder(rule).clock(clock::Tokio::new()).direct();
//! let start = tokio::time::Instant::now();
//! let lines: Vec<_> = stream::iter(["a", "b", "c"]).pace(limiter).collect().await;
//! assert_eq!(lines, ["a", "b", "c"]);
//! assert_eq!(start.elapsed().as_millis(), 200);
//! # }
//! ```
//!
//! # Whose turn
//!
//! An item takes its place in the line when it arrives, in the limiter's one
//! budget: the limiter is [`Direct`](super::Direct). Many streams may share one; then each
//! item queues behind those of all.
//!
//! # What can never pass
//!
//! An item that costs more than the limit ever allows at once is not held up
//! for ever: it costs as much as the limit, like a large packet on a slow line.
//!
//! # Cancellation
//!
//! Dropped with an item waiting, the adaptor gives its place back; the item is
//! dropped with it.

mod sink;
mod stream;
mod turn;

pub use self::{
    sink::{PaceSink, PacedSink},
    stream::{PaceStream, PacedStream},
    turn::ItemCost,
};

//! A pool of tasks between two channels.

use std::future::Future;

use async_channel::{Receiver, Sender};
use tokio::task::JoinSet;

use super::{context::Context, gauges::Stage};

/// Starts this many tasks. Each receives an event, works on it, and sends what comes
/// of it to the next stage. They end when the channel is empty and has no sender.
pub(super) fn start<In, Out, W, F>(
    tasks: &mut JoinSet<()>,
    (stage, size): (Stage, usize),
    context: &Context,
    (from, to): (&Receiver<In>, &Sender<Out>),
    work: W,
) where
    In: Send + 'static,
    Out: Send + 'static,
    W: Fn(Context, In) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Option<Out>> + Send,
{
    for _ in 0..size {
        let (context, work) = (context.clone(), work.clone());
        let (from, to) = (from.clone(), to.clone());
        tasks.spawn(async move {
            while let Ok(event) = from.recv().await {
                let _inflight = context.gauges.begin(stage);
                let Some(next) = work(context.clone(), event).await else {
                    continue;
                };
                if to.send(next).await.is_err() {
                    // The next stage has panicked; the hold of the event lapses.
                    break;
                }
            }
        });
    }
}

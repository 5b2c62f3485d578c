//! Starts the pipeline.

use async_channel::{Receiver, bounded};
use tokio::task::JoinSet;
use tracing::error;

use super::{
    charge::charge,
    context::Context,
    deadlines::Job,
    dispatch::{dispatch, hold},
    gauges::{Depths, Stage},
    pool,
    prepare::prepare,
    settle::settle,
};
use crate::store::{Booking, Event};

/// How many events each channel holds, and how many each pool works on at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) channel: usize,
    pub(crate) pools: [usize; 3],
}

/// Looks at the channels. It does not keep them open.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    prepare: Receiver<Event>,
    charge: Receiver<Job>,
    settle: Receiver<Booking>,
}

/// Starts the dispatcher and the pools, and returns their channels. The drain waits for
/// them, and they stop with it.
pub(crate) fn start(context: &Context, sizes: Sizes) -> Channels {
    let mut tasks = JoinSet::new();
    let (to_prepare, prepare_from) = bounded(sizes.channel);
    let (to_charge, charge_from) = bounded(sizes.channel);
    let (to_settle, settle_from) = bounded(sizes.channel);
    let [prepares, charges, settles] = sizes.pools;
    tasks.spawn(dispatch(context.clone(), to_prepare));
    let (pool, ends) = ((Stage::Prepare, prepares), (&prepare_from, &to_charge));
    pool::start(&mut tasks, pool, context, ends, prepare);
    let (pool, ends) = ((Stage::Charge, charges), (&charge_from, &to_settle));
    pool::start(&mut tasks, pool, context, ends, charge);
    for _ in 0..settles {
        tasks.spawn(settle(context.clone(), settle_from.clone()));
    }
    let guard = context.drain.guard("pipeline");
    tokio::spawn(guard.run(run(context.clone(), tasks)));
    Channels {
        prepare: prepare_from,
        charge: charge_from,
        settle: settle_from,
    }
}

/// Holds the events of the tasks until all have ended. If the drain aborts, this is
/// dropped, and the tasks with it: the holds of their events lapse.
async fn run(context: Context, mut tasks: JoinSet<()>) {
    let ended = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                error!(%error, "a task of the pipeline panicked, so the worker stops");
                context.drain.begin();
            }
        }
    };
    tokio::select! {
        () = ended => {}
        () = hold(context.clone()) => {}
    }
}

impl Channels {
    /// Returns how many events wait before each stage.
    pub(crate) fn depths(&self, inflight: [usize; 3]) -> Depths {
        Depths {
            channel: [self.prepare.len(), self.charge.len(), self.settle.len()],
            inflight,
        }
    }
}

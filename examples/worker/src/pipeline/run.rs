//! Starts and stops the pipeline.

use std::time::Duration;

use async_channel::{Receiver, bounded};
use tokio::{
    task::{JoinHandle, JoinSet},
    time,
};

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

/// The tasks of the pipeline.
#[derive(Debug)]
pub(crate) struct Pipeline {
    /// The dispatcher and the pools.
    tasks: JoinSet<()>,
    /// Keeps the hold of events alive.
    hold: JoinHandle<()>,
    channels: Channels,
}

/// Looks at the channels. It does not keep them open.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    prepare: Receiver<Event>,
    charge: Receiver<Job>,
    settle: Receiver<Booking>,
}

impl Pipeline {
    /// Starts the dispatcher and the pools.
    pub(crate) fn start(context: &Context, sizes: Sizes) -> Self {
        let mut tasks = JoinSet::new();
        let (to_prepare, prepare_from) = bounded(sizes.channel);
        let (to_charge, charge_from) = bounded(sizes.channel);
        let (to_settle, settle_from) = bounded(sizes.channel);
        let [prepares, charges, settles] = sizes.pools;
        tasks.spawn(dispatch(context.clone(), to_prepare));
        let ends = (&prepare_from, &to_charge);
        pool::start(
            &mut tasks,
            (Stage::Prepare, prepares),
            context,
            ends,
            prepare,
        );
        let ends = (&charge_from, &to_settle);
        pool::start(&mut tasks, (Stage::Charge, charges), context, ends, charge);
        for _ in 0..settles {
            tasks.spawn(settle(context.clone(), settle_from.clone()));
        }
        Self {
            tasks,
            hold: tokio::spawn(hold(context.clone())),
            channels: Channels {
                prepare: prepare_from,
                charge: charge_from,
                settle: settle_from,
            },
        }
    }

    /// Returns what looks at the channels.
    pub(crate) fn channels(&self) -> Channels {
        self.channels.clone()
    }

    /// Waits until all tasks have ended, which they do once the context is stopping.
    /// Those that take longer than this are aborted: the holds of their events
    /// lapse. Returns whether there were any.
    pub(crate) async fn stop(mut self, budget: Duration) -> bool {
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let was_late = time::timeout(budget, ended).await.is_err();
        self.tasks.shutdown().await;
        self.hold.abort();
        was_late
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
